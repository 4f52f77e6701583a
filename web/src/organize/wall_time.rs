//! Times as the clocks of a time zone show them, and as the server stores them. The offsets of zones
//! come from the browser, so the rules here need none.

/// The length of a time in a form: "2026-03-15T10:00".
const LEN_TO_MINUTES: usize = 16;
const SECONDS_PER_DAY: i64 = 86_400;

/// What a clock shows, in seconds, as if it was UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WallTime(i64);

/// The moments at which a clock shows a time, in seconds since 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moments {
    Once(i64),
    /// The clocks are set back in between.
    Twice {
        first: i64,
        second: i64,
    },
    /// The clocks skip this time when they are set forward.
    Never,
}

impl WallTime {
    /// Reads "2026-03-15T10:00", with or without seconds.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.split_once('T')?;
        let mut date = date.split('-').map(number);
        let (year, month, day) = (date.next()??, date.next()??, date.next()??);
        let mut time = time.split(':').map(number);
        let (hour, minute) = (time.next()??, time.next()??);
        let second = time.next().unwrap_or(Some(0))?;
        let is_date = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        let is_time = hour < 24 && minute < 60 && second < 60;
        if !is_date || !is_time || date.next().is_some() || time.next().is_some() {
            return None;
        }
        let days = days_from_civil(year, month, day);
        Some(Self(days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second))
    }

    /// What the clocks show at a moment. `offset` is what they are ahead of UTC then, in seconds.
    pub(super) fn at(moment: i64, offset: i64) -> Self {
        Self(moment + offset)
    }

    /// The time for a form, to the minute: "2026-03-15T10:00".
    pub(super) fn to_input(self) -> String {
        let mut text = rfc3339(self.0);
        text.truncate(LEN_TO_MINUTES);
        text
    }

    /// The moments at which the clocks show this. `offset_at` says what they are ahead of UTC at a
    /// moment, in seconds.
    pub(super) fn moments(self, offset_at: impl Fn(i64) -> i64) -> Moments {
        let moment_with = |offset: i64| {
            let moment = self.0 - offset;
            (offset_at(moment) == offset).then_some(moment)
        };
        // No zone changes its clocks twice within two days, and none is more than a day ahead.
        let before = offset_at(self.0 - SECONDS_PER_DAY);
        let after = offset_at(self.0 + SECONDS_PER_DAY);
        match (moment_with(before), moment_with(after)) {
            (Some(first), Some(second)) if first < second => Moments::Twice { first, second },
            (Some(moment), _) | (None, Some(moment)) => Moments::Once(moment),
            (None, None) => Moments::Never,
        }
    }
}

/// The moment of a time in RFC 3339 in UTC, in whole seconds.
pub(super) fn moment_of(rfc3339: &str) -> Option<i64> {
    let to_seconds = rfc3339.get(..19)?;
    rfc3339.ends_with('Z').then(|| WallTime::parse(to_seconds)).flatten().map(|time| time.0)
}

/// The moment in RFC 3339 in UTC: "2026-03-15T10:00:00Z".
pub(super) fn rfc3339(moment: i64) -> String {
    let (days, second) = (moment.div_euclid(SECONDS_PER_DAY), moment.rem_euclid(SECONDS_PER_DAY));
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn number(text: &str) -> Option<i64> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten().filter(|number| *number <= 9_999)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_from_civil(next_year, next_month, 1) - days_from_civil(year, month, 1)
}

/// Days from 1970-01-01 to a date. Years are counted from March, so that a leap day is the last day
/// of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year_from_march = if month <= 2 { year - 1 } else { year };
    let era = year_from_march.div_euclid(400);
    let year_of_era = year_from_march.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date that is this many days after 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> i64 {
        moment_of(text).unwrap()
    }

    /// Berlin's offset in 2026: summer time from March 29 to October 25, both at 01:00 UTC.
    fn berlin(at: i64) -> i64 {
        let summer = moment("2026-03-29T01:00:00Z")..moment("2026-10-25T01:00:00Z");
        if summer.contains(&at) { 7_200 } else { 3_600 }
    }

    fn in_berlin(wall: &str) -> Moments {
        WallTime::parse(wall).unwrap().moments(berlin)
    }

    #[test]
    fn a_time_is_once_on_most_days() {
        for (wall, utc) in [
            ("2026-01-15T20:00", "2026-01-15T19:00:00Z"),
            ("2026-07-15T20:00", "2026-07-15T18:00:00Z"),
            ("2026-03-29T01:59", "2026-03-29T00:59:00Z"),
            ("2026-03-29T03:00", "2026-03-29T01:00:00Z"),
            ("2026-10-25T01:59", "2026-10-24T23:59:00Z"),
            ("2026-10-25T03:00", "2026-10-25T02:00:00Z"),
        ] {
            assert_eq!(in_berlin(wall), Moments::Once(moment(utc)), "{wall}");
            let at = moment(utc);
            assert_eq!(WallTime::at(at, berlin(at)).to_input(), wall);
        }
    }

    #[test]
    fn a_skipped_time_is_never() {
        for wall in ["2026-03-29T02:00", "2026-03-29T02:30", "2026-03-29T02:59"] {
            assert_eq!(in_berlin(wall), Moments::Never, "{wall}");
        }
    }

    #[test]
    fn a_repeated_time_is_twice() {
        let (first, second) = (moment("2026-10-25T00:30:00Z"), moment("2026-10-25T01:30:00Z"));
        assert_eq!(in_berlin("2026-10-25T02:30"), Moments::Twice { first, second });
    }

    #[test]
    fn a_zone_may_change_by_half_an_hour_or_be_far_ahead() {
        // Lord Howe Island goes back from +11:00 to +10:30.
        let change = moment("2026-04-04T15:00:00Z");
        let lord_howe = |at: i64| if at < change { 39_600 } else { 37_800 };
        let (first, second) = (moment("2026-04-04T14:45:00Z"), moment("2026-04-04T15:15:00Z"));
        let twice = WallTime::parse("2026-04-05T01:45").unwrap();
        assert_eq!(twice.moments(lord_howe), Moments::Twice { first, second });
        // Samoa left out a whole day.
        let change = moment("2011-12-30T10:00:00Z");
        let samoa = |at: i64| if at < change { -36_000 } else { 50_400 };
        assert_eq!(WallTime::parse("2011-12-30T12:00").unwrap().moments(samoa), Moments::Never);
    }

    #[test]
    fn moments_are_written_as_the_server_does() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59Z",
            "2026-12-31T12:30:00Z",
            "1969-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(rfc3339(moment(text)), text);
        }
        assert_eq!(moment_of("2026-03-15T10:00:00.123Z"), moment_of("2026-03-15T10:00:00Z"));
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "2026-03-15",
            "2026-02-29T10:00",
            "2026-13-01T10:00",
            "2026-00-01T10:00",
            "2026-03-15T24:00",
            "2026-03-15T10:60",
            "2026-03-15T10",
            "2026-03-15T10:00:00:00",
            "12026-03-15T10:00",
            "2026-03-1xT10:00",
        ] {
            assert_eq!(WallTime::parse(text), None, "{text}");
        }
    }
}
