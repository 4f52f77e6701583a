//! The program of the pages for buyers.

fn main() {
    rowlock_web::start_buyer();
}
