//! Two people have edited the same event: what each of them has changed, and the form with both
//! people's changes.

use super::event_form::{EventField, EventForm};

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

/// The fields that have changed between `base` and `theirs`, except those that `ours` has just the
/// same.
pub(super) fn differences(
    base: &EventForm,
    theirs: &EventForm,
    ours: &EventForm,
) -> Vec<Difference> {
    EventField::ALL
        .into_iter()
        .filter(|field| theirs.get(*field) != base.get(*field))
        .filter(|field| theirs.get(*field) != ours.get(*field))
        .map(|field| Difference {
            field,
            theirs: theirs.get(field).to_owned(),
            ours: ours.get(field).to_owned(),
            is_conflict: ours.get(field) != base.get(field),
        })
        .collect()
}

/// The user's own changes where they have made some, and the other's elsewhere.
pub(super) fn merged(base: &EventForm, theirs: &EventForm, ours: &EventForm) -> EventForm {
    EventField::ALL.into_iter().fold(EventForm::default(), |form, field| {
        let is_ours = ours.get(field) != base.get(field);
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
}
