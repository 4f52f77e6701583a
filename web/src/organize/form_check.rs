//! Turns the texts of an event's form into values for the server, or says what is wrong with them.
//! The rules are the server's, and the server decides.

use std::{collections::BTreeMap, ops::RangeInclusive};

use rowlock_web_operations::{DateTime, Decimal, events::MoneyInput};

use super::{
    currencies::decimals,
    event_form::{
        EventField::{
            self, City, Currency, Description, EndsAt, MaxPerBooking, Price, SalesEndAt,
            SalesStartAt, StartsAt, TimeZone, Title, TotalTickets, Venue,
        },
        EventForm,
    },
    price_input::{PriceProblem, parse_price},
    wall_time::{Moments, WallTime, moment_of, rfc3339},
};

// The server's limits.
const MAX_LINE_CHARS: usize = 200;
const MAX_DESCRIPTION_CHARS: usize = 20_000;
const MAX_TICKETS: i32 = 1_000_000;
const MAX_TICKETS_PER_BOOKING: i32 = 10;

/// What a form says, as the server takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventValues {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) venue: String,
    pub(super) city: String,
    pub(super) time_zone: String,
    pub(super) starts_at: DateTime,
    pub(super) ends_at: Option<DateTime>,
    pub(super) price: MoneyInput,
    pub(super) total_tickets: i32,
    pub(super) max_per_booking: i32,
    pub(super) sales_start_at: Option<DateTime>,
    pub(super) sales_end_at: Option<DateTime>,
}

/// What is wrong with each field.
pub(super) type Problems = BTreeMap<EventField, String>;

/// The form of a saved event, with its exact times. A form has times only to the minute, so a text
/// that is unchanged stands for the exact time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SavedForm {
    pub(super) form: EventForm,
    pub(super) times: BTreeMap<EventField, String>,
}

/// What the rules need to know about the world.
pub(super) struct Surroundings<'a> {
    /// What the clocks of a zone are ahead of UTC at a moment, in seconds. `None` if there is no
    /// such zone.
    pub(super) offset: &'a dyn Fn(&str, i64) -> Option<i64>,
    /// The present time in RFC 3339 in UTC.
    pub(super) now: String,
}

/// # Errors
/// A message for each field with a problem.
pub(super) fn check(
    form: &EventForm,
    saved: &SavedForm,
    surroundings: &Surroundings<'_>,
) -> Result<EventValues, Problems> {
    let mut problems = Problems::new();
    for (field, problem) in [(Title, "Please enter a title."), (Venue, "Please enter the venue.")] {
        if form.get(field).trim().is_empty() {
            problems.insert(field, problem.to_owned());
        }
    }
    for (field, max) in [
        (Title, MAX_LINE_CHARS),
        (Venue, MAX_LINE_CHARS),
        (City, MAX_LINE_CHARS),
        (Description, MAX_DESCRIPTION_CHARS),
    ] {
        let length = form.get(field).trim().chars().count();
        if length > max {
            let problem = format!("This has {length} characters, and at most {max} are allowed.");
            problems.insert(field, problem);
        }
    }
    if (surroundings.offset)(form.get(TimeZone).trim(), 0).is_none() {
        let problem = "Please choose a time zone of the list, such as Europe/Berlin.";
        problems.insert(TimeZone, problem.to_owned());
    }
    let mut time = |field| match time(form, field, saved, surroundings.offset) {
        Ok(time) => time,
        Err(problem) => {
            problems.insert(field, problem);
            None
        }
    };
    let [starts_at, ends_at, sales_start_at, sales_end_at] =
        [StartsAt, EndsAt, SalesStartAt, SalesEndAt].map(&mut time);
    if form.get(StartsAt).trim().is_empty() {
        problems.insert(StartsAt, "Please enter when the event starts.".to_owned());
    }
    for (problem_field, earlier, later, problem) in [
        (EndsAt, &starts_at, &ends_at, "The end must be after the start."),
        (SalesEndAt, &sales_start_at, &sales_end_at, "The sale must end after it begins."),
        (SalesStartAt, &sales_start_at, &starts_at, "The sale must begin before the event starts."),
    ] {
        if let (Some(earlier), Some(later)) = (earlier, later)
            && moment_of(&earlier.0) >= moment_of(&later.0)
        {
            problems.insert(problem_field, problem.to_owned());
        }
    }
    let is_moved = |time: &DateTime| saved.times.get(&StartsAt) != Some(&time.0);
    if let Some(starts_at) = starts_at.as_ref().filter(|time| is_moved(time))
        && moment_of(&starts_at.0) < moment_of(&surroundings.now)
    {
        problems.insert(StartsAt, "This is in the past.".to_owned());
    }
    let currency = form.get(Currency).to_owned();
    let decimals = decimals(&currency);
    let amount = match parse_price(form.get(Price), decimals) {
        Ok(amount) => Some(amount),
        Err(problem) => {
            problems.insert(Price, price_problem(problem, decimals));
            None
        }
    };
    let mut count = |field, allowed: RangeInclusive<i32>, problem: &str| {
        let count = form.get(field).trim().parse().ok().filter(|count| allowed.contains(count));
        if count.is_none() {
            problems.insert(field, problem.to_owned());
        }
        count
    };
    let total_tickets =
        count(TotalTickets, 0..=MAX_TICKETS, "Please enter a whole number, up to 1000000.");
    let max_per_booking =
        count(MaxPerBooking, 1..=MAX_TICKETS_PER_BOOKING, "Please enter a number from 1 to 10.");
    let text = |field| form.get(field).trim().to_owned();
    match (starts_at, amount, total_tickets, max_per_booking) {
        (Some(starts_at), Some(amount), Some(total_tickets), Some(max_per_booking))
            if problems.is_empty() =>
        {
            Ok(EventValues {
                title: text(Title),
                description: text(Description),
                venue: text(Venue),
                city: text(City),
                time_zone: text(TimeZone),
                starts_at,
                ends_at,
                price: MoneyInput { amount: Decimal(amount), currency },
                total_tickets,
                max_per_booking,
                sales_start_at,
                sales_end_at,
            })
        }
        _ => Err(problems),
    }
}

/// The time in a field; `None` if the field is empty, or if the zone is unknown.
fn time(
    form: &EventForm,
    field: EventField,
    saved: &SavedForm,
    offset: &dyn Fn(&str, i64) -> Option<i64>,
) -> Result<Option<DateTime>, String> {
    let (text, zone) = (form.get(field).trim(), form.get(TimeZone).trim());
    if text.is_empty() || offset(zone, 0).is_none() {
        return Ok(None);
    }
    let is_saved = text == saved.form.get(field) && zone == saved.form.get(TimeZone);
    if let Some(exact) = saved.times.get(&field).filter(|_| is_saved) {
        return Ok(Some(DateTime(exact.clone())));
    }
    let wall = WallTime::parse(text).ok_or("Please enter a date and a time.")?;
    match wall.moments(|moment| offset(zone, moment).unwrap_or_default()) {
        Moments::Once(moment) | Moments::Twice { first: moment, .. } => {
            Ok(Some(DateTime(rfc3339(moment))))
        }
        Moments::Never => Err("There is no such time: the clocks are set forward then.".to_owned()),
    }
}

/// Whether the clocks show the time in this field twice. The first one is meant then.
pub(super) fn is_repeated(
    form: &EventForm,
    field: EventField,
    offset: &dyn Fn(&str, i64) -> Option<i64>,
) -> bool {
    let zone = form.get(TimeZone).trim();
    let moments = WallTime::parse(form.get(field).trim())
        .map(|wall| wall.moments(|moment| offset(zone, moment).unwrap_or_default()));
    matches!(moments, Some(Moments::Twice { .. }))
}

fn price_problem(problem: PriceProblem, decimals: usize) -> String {
    match (problem, decimals) {
        (PriceProblem::NoNumber, _) => "Please enter a price, such as 12.50, or 0.".to_owned(),
        (PriceProblem::TooPrecise, 0) => "This currency has no decimals.".to_owned(),
        (PriceProblem::TooPrecise, decimals) => {
            format!("This currency has at most {decimals} decimals.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Berlin's offset around the end of summer time in 2026, in seconds.
    fn offset(zone: &str, moment: i64) -> Option<i64> {
        let change = moment_of("2026-10-25T01:00:00Z").unwrap();
        match zone {
            "Europe/Berlin" => Some(if moment < change { 7_200 } else { 3_600 }),
            "UTC" => Some(0),
            _ => None,
        }
    }

    fn checked(form: &EventForm, saved: &SavedForm) -> Result<EventValues, Problems> {
        let now = "2026-01-01T00:00:00Z".to_owned();
        check(form, saved, &Surroundings { offset: &offset, now })
    }

    fn complete() -> EventForm {
        [
            (Title, " Jazz Night "),
            (Description, "Two sets.\nOne break."),
            (Venue, "Blue Hall"),
            (City, "Berlin"),
            (TimeZone, "Europe/Berlin"),
            (StartsAt, "2026-07-01T20:00"),
            (Price, "12,5"),
            (Currency, "EUR"),
            (TotalTickets, "100"),
            (MaxPerBooking, "4"),
        ]
        .into_iter()
        .fold(EventForm::default(), |form, (field, text)| form.with(field, text))
    }

    fn problem(field: EventField, text: &str) -> Option<String> {
        let problems = checked(&complete().with(field, text), &SavedForm::default()).err()?;
        assert_eq!(problems.keys().collect::<Vec<_>>(), [&field]);
        problems.get(&field).cloned()
    }

    #[test]
    fn a_complete_form_has_values() {
        let values = checked(&complete(), &SavedForm::default()).unwrap();
        assert_eq!(values.title, "Jazz Night");
        assert_eq!(values.description, "Two sets.\nOne break.");
        assert_eq!(values.starts_at.0, "2026-07-01T18:00:00Z");
        assert_eq!(
            (values.ends_at, values.sales_start_at, values.sales_end_at),
            (None, None, None)
        );
        assert_eq!(
            (values.price.amount.0.as_str(), values.price.currency.as_str()),
            ("12.50", "EUR")
        );
        assert_eq!((values.total_tickets, values.max_per_booking), (100, 4));
    }

    #[test]
    fn each_field_says_what_is_wrong() {
        for (field, wrong) in [
            (Title, " "),
            (Title, &"a".repeat(201)),
            (Description, &"a".repeat(20_001)),
            (Venue, ""),
            (TimeZone, "Europe/Nowhere"),
            (StartsAt, ""),
            (StartsAt, "tomorrow"),
            (StartsAt, "2025-07-01T20:00"),
            (EndsAt, "2026-07-01T20:00"),
            (SalesStartAt, "2026-07-01T20:00"),
            (Price, "twelve"),
            (Price, "12.505"),
            (TotalTickets, "-1"),
            (TotalTickets, "1000001"),
            (TotalTickets, "1.5"),
            (MaxPerBooking, "11"),
            (MaxPerBooking, "0"),
        ] {
            assert!(problem(field, wrong).is_some(), "{field:?} {wrong:?}");
        }
        let sale = complete().with(SalesStartAt, "2026-06-02T00:00");
        let problems =
            checked(&sale.with(SalesEndAt, "2026-06-01T00:00"), &SavedForm::default()).unwrap_err();
        assert_eq!(problems.keys().collect::<Vec<_>>(), [&SalesEndAt]);
    }

    #[test]
    fn all_problems_are_found_at_once() {
        let problems = checked(&EventForm::default(), &SavedForm::default()).unwrap_err();
        for field in [Title, Venue, TimeZone, StartsAt, Price, TotalTickets, MaxPerBooking] {
            assert!(problems.contains_key(&field), "{field:?}");
        }
    }

    #[test]
    fn the_first_of_two_times_is_meant() {
        let form = complete().with(StartsAt, "2026-10-25T02:30");
        let values = checked(&form, &SavedForm::default()).unwrap();
        assert_eq!(values.starts_at.0, "2026-10-25T00:30:00Z");
        assert!(is_repeated(&form, StartsAt, &offset));
        assert!(!is_repeated(&complete(), StartsAt, &offset));
    }

    #[test]
    fn a_time_that_is_not_edited_stays_exact() {
        let form = complete().with(StartsAt, "2026-10-25T02:30").with(EndsAt, "");
        let second = "2026-10-25T01:30:15Z".to_owned();
        let saved = SavedForm { form: form.clone(), times: [(StartsAt, second.clone())].into() };
        assert_eq!(checked(&form, &saved).unwrap().starts_at.0, second);
        // In another zone, the same text is another time.
        let moved = checked(&form.with(TimeZone, "UTC"), &saved).unwrap();
        assert_eq!(moved.starts_at.0, "2026-10-25T02:30:00Z");
    }

    #[test]
    fn a_start_that_is_not_moved_may_be_past() {
        let form = complete().with(StartsAt, "2025-07-01T20:00");
        let times = [(StartsAt, "2025-07-01T18:00:00Z".to_owned())].into();
        let saved = SavedForm { form: form.clone(), times };
        assert!(checked(&form, &saved).is_ok());
        assert!(checked(&form.with(StartsAt, "2025-07-02T20:00"), &saved).is_err());
    }
}
