//! Two people have edited the same event: what each of them has changed, and the form with both
//! people's changes.

use super::event_form::{
    EventField::{self, Currency, EndsAt, Price, SalesEndAt, SalesStartAt, StartsAt, TimeZone},
    EventForm,
};

/// A field that somebody else has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) field: EventField,
    pub(super) theirs: String,
    /// The text that was here: the user's own, or the one from before.
    pub(super) ours: String,
    /// Whether the user has changed it, too.
    pub(super) is_conflict: bool,
}

/// The fields that mean something only together: a time of day without its zone is another moment,
/// and an amount without its currency another price.
const UNITS: [&[EventField]; 2] =
    [&[TimeZone, StartsAt, EndsAt, SalesStartAt, SalesEndAt], &[Price, Currency]];

/// Whether a field or one that belongs to it differs between two forms.
fn is_unit_changed(field: EventField, base: &EventForm, changed: &EventForm) -> bool {
    let alone = [field];
    let unit = UNITS.into_iter().find(|unit| unit.contains(&field)).unwrap_or(&alone);
    unit.iter().any(|field| changed.get(*field) != base.get(*field))
}

/// What somebody else has changed between `base` and `theirs`, except for what `ours` has just the
/// same. Where the user has changed a part of the same unit, all parts that differ are a conflict.
pub(super) fn differences(
    base: &EventForm,
    theirs: &EventForm,
    ours: &EventForm,
) -> Vec<Difference> {
    let mut found = Vec::new();
    for field in EventField::ALL {
        let is_conflict = is_unit_changed(field, base, ours);
        let is_theirs = match is_conflict {
            true => is_unit_changed(field, base, theirs),
            false => theirs.get(field) != base.get(field),
        };
        let (theirs, ours) = (theirs.get(field), ours.get(field));
        if is_theirs && theirs != ours {
            let (theirs, ours) = (theirs.to_owned(), ours.to_owned());
            found.push(Difference { field, theirs, ours, is_conflict });
        }
    }
    found
}

/// The user's own changes where they have made some, and the other's elsewhere.
pub(super) fn merged(base: &EventForm, theirs: &EventForm, ours: &EventForm) -> EventForm {
    EventField::ALL.into_iter().fold(EventForm::default(), |form, field| {
        let is_ours = is_unit_changed(field, base, ours);
        form.with(field, if is_ours { ours.get(field) } else { theirs.get(field) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use EventField::{City, Title, TotalTickets, Venue};

    fn form(title: &str, venue: &str, total: &str) -> EventForm {
        EventForm::default().with(Title, title).with(Venue, venue).with(TotalTickets, total)
    }

    #[test]
    fn changes_of_both_people_are_kept() {
        let base = form("Jazz", "Blue Hall", "100");
        let theirs = form("Jazz", "Red Hall", "100");
        let ours = form("Jazz Night", "Blue Hall", "100");
        assert_eq!(merged(&base, &theirs, &ours).get(Title), "Jazz Night");
        assert_eq!(merged(&base, &theirs, &ours).get(Venue), "Red Hall");
        let found = differences(&base, &theirs, &ours);
        let [Difference { field: Venue, is_conflict: false, .. }] = found.as_slice() else {
            panic!("{found:?}")
        };
    }

    #[test]
    fn a_field_that_both_have_changed_is_a_conflict() {
        let base = form("Jazz", "Blue Hall", "100");
        let theirs = form("Jazz", "Blue Hall", "150");
        let ours = form("Jazz", "Blue Hall", "120");
        let conflict = Difference {
            field: TotalTickets,
            theirs: "150".to_owned(),
            ours: "120".to_owned(),
            is_conflict: true,
        };
        assert_eq!(differences(&base, &theirs, &ours), [conflict]);
        // Nothing is overwritten before the user has decided.
        assert_eq!(merged(&base, &theirs, &ours).get(TotalTickets), "120");
    }

    #[test]
    fn the_same_change_is_no_difference() {
        let base = form("Jazz", "Blue Hall", "100");
        let both = form("Jazz", "Red Hall", "100");
        assert_eq!(differences(&base, &both, &both), []);
        assert_eq!(merged(&base, &both, &both).get(Venue), "Red Hall");
        assert_eq!(merged(&base, &both, &both).get(City), "");
    }

    #[test]
    fn a_time_keeps_the_zone_that_it_was_typed_for() {
        let base = EventForm::default()
            .with(TimeZone, "Europe/Berlin")
            .with(StartsAt, "2026-07-01T20:00")
            .with(EndsAt, "2026-07-01T22:00");
        let theirs = base.clone().with(TimeZone, "Europe/London");
        let ours = base.clone().with(StartsAt, "2026-07-01T21:00");
        assert_eq!(merged(&base, &theirs, &ours), ours);
        let found = differences(&base, &theirs, &ours);
        let fields: Vec<_> = found.iter().map(|found| (found.field, found.is_conflict)).collect();
        assert_eq!(fields, [(TimeZone, true), (StartsAt, true)]);
        // Where the user has changed no time, the other's zone and times are taken over.
        let title = base.clone().with(Title, "Jazz");
        assert_eq!(merged(&base, &theirs, &title), theirs.clone().with(Title, "Jazz"));
        assert!(!differences(&base, &theirs, &title)[0].is_conflict);
    }

    #[test]
    fn an_amount_keeps_its_currency() {
        let base = EventForm::default().with(Price, "10.00").with(Currency, "EUR");
        let theirs = base.clone().with(Currency, "JPY").with(Price, "1500");
        let ours = base.clone().with(Price, "12.00");
        assert_eq!(merged(&base, &theirs, &ours), ours);
        let found = differences(&base, &theirs, &ours);
        assert!(found.iter().all(|found| found.is_conflict));
        assert_eq!(found.len(), 2);
        // What only the user has changed is no difference.
        assert_eq!(differences(&base, &base, &ours), []);
    }
}
