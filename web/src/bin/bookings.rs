//! The program of the page with the user's bookings.

fn main() {
    rowlock_web::start_bookings();
}
