//! The program of the pages for organizers.

fn main() {
    rowlock_web::start_organizer();
}
