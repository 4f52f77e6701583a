//! Events in files, as organizers import and export them: CSV for spreadsheets, JSON for programs.

use std::fmt::Write;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;
use rowlock_entities::event;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{ImportProblem, ImportRow};
use crate::{
    events::{EventChanges, MAX_TICKETS_PER_BOOKING, Price, amount},
    field_problem::FieldProblem,
    spreadsheet,
};

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileFormat {
    /// A head line with the names of columns, and a line for each event.
    Csv,
    /// An array of objects with the same names.
    Json,
}

/// An event as a file has it. The names of columns are those of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRow {
    external_id: String,
    title: String,
    #[serde(default)]
    description: String,
    venue: String,
    #[serde(default)]
    city: String,
    time_zone: String,
    starts_at: String,
    #[serde(default)]
    ends_at: String,
    price: String,
    currency: String,
    total_tickets: i32,
    #[serde(default = "max_tickets_per_booking")]
    max_per_booking: i32,
    #[serde(default)]
    sales_start_at: String,
    #[serde(default)]
    sales_end_at: String,
    /// Whether to publish it if it is a draft.
    #[serde(default)]
    publish: bool,
}

fn max_tickets_per_booking() -> i32 {
    MAX_TICKETS_PER_BOOKING
}

/// The events of a file that was read, with the place of each for messages.
#[derive(Debug)]
pub(crate) struct ImportFile {
    pub(crate) rows: Vec<ImportRow>,
    /// For each row, such as "line 2".
    places: Vec<String>,
}

impl ImportFile {
    /// What is wrong, a line for each problem.
    pub(crate) fn describe(&self, problems: &[ImportProblem]) -> String {
        describe(&self.places, problems)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// With a line for each problem.
    pub(crate) fn read(format: FileFormat, text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}');
        let rows = match format {
            FileFormat::Csv => read_csv(text)?,
            FileFormat::Json => {
                let rows: Vec<FileRow> =
                    serde_json::from_str(text).map_err(|error| error.to_string())?;
                let place = |number| format!("event {number}");
                rows.into_iter().enumerate().map(|(n, row)| (place(n + 1), row)).collect()
            }
        };
        if rows.is_empty() {
            return Err("the file has no events".to_owned());
        }
        let (places, rows): (Vec<String>, Vec<FileRow>) = rows.into_iter().unzip();
        let mut problems = Vec::new();
        let mut checked = Vec::with_capacity(rows.len());
        for (place, row) in rows.into_iter().enumerate() {
            match row.check() {
                Ok(row) => checked.push(row),
                Err(of_row) => problems
                    .extend(of_row.into_iter().map(|problem| ImportProblem { place, problem })),
            }
        }
        match problems.is_empty() {
            true => Ok(Self { rows: checked, places }),
            false => Err(describe(&places, &problems)),
        }
    }
}

fn describe(places: &[String], problems: &[ImportProblem]) -> String {
    let mut lines = String::new();
    for ImportProblem { place, problem } in problems {
        let place = places.get(*place).map_or("", String::as_str);
        // Writing to a string succeeds.
        let field = column_name(&problem.field);
        let message = problem.message.replacen(&problem.field, &field, 1);
        let _ = writeln!(lines, "{place}: {field}: {message}");
    }
    lines
}

/// The column of a field of the API, such as `total_tickets` of `totalTickets`.
fn column_name(field: &str) -> String {
    let mut name = String::new();
    for c in field.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

fn read_csv(text: &str) -> Result<Vec<(String, FileRow)>, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut rows = Vec::new();
    let mut problems = String::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        // Spreadsheets write rows of empty cells below the last one.
        if record.iter().all(str::is_empty) {
            continue;
        }
        let cells = head.iter().zip(&record).map(|(column, text)| cell(column, text));
        let texts: csv::StringRecord = cells.collect::<Vec<_>>().into();
        match texts.deserialize(Some(&head)) {
            Ok(row) => rows.push((format!("line {line}"), row)),
            Err(error) => {
                let _ = writeln!(problems, "line {line}: {}", in_words(&error, &head));
            }
        }
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

/// A cell as programs write it. Spreadsheets write `TRUE`, and leave a cell empty for a default.
fn cell(column: &str, text: &str) -> String {
    match (column, text) {
        ("publish", "") => "false".to_owned(),
        ("publish", text) => text.to_lowercase(),
        ("max_per_booking", "") => MAX_TICKETS_PER_BOOKING.to_string(),
        (_, text) => spreadsheet::unescaped(text),
    }
}

/// What is wrong with a record, with the name of the column. Its line is said already.
fn in_words(error: &csv::Error, head: &csv::StringRecord) -> String {
    let csv::ErrorKind::Deserialize { err, .. } = error.kind() else { return error.to_string() };
    let column = err.field().and_then(|number| head.get(usize::try_from(number).ok()?));
    match column {
        Some(column) => format!("{column}: {}", err.kind()),
        None => err.kind().to_string(),
    }
}

impl FileRow {
    fn check(self) -> Result<ImportRow, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let zone = self.time_zone.parse::<Tz>().ok();
        let mut time = |field: &str, text: &str| {
            let time = parse_time(text, zone);
            if time.is_none() {
                problems.push(FieldProblem::new(
                    field,
                    format!(
                        "{text:?} is no time. Write it like 2027-03-15T19:30:00Z, or like \
                         2027-03-15 19:30 for the event's own time zone."
                    ),
                ));
            }
            time
        };
        let starts_at = time("starts_at", &self.starts_at);
        let mut optional = |field: &str, text: &str| match text.is_empty() {
            true => Some(None),
            false => time(field, text).map(Some),
        };
        let ends_at = optional("ends_at", &self.ends_at);
        let sales_start_at = optional("sales_start_at", &self.sales_start_at);
        let sales_end_at = optional("sales_end_at", &self.sales_end_at);
        let price = self
            .price
            .parse::<Decimal>()
            .map_err(|_| format!("{:?} is no amount. Write it like 49.90.", self.price))
            .and_then(|amount| Price::parse(amount, &self.currency));
        let price = price.map_err(|message| problems.push(FieldProblem::new("price", message)));
        if !problems.is_empty() {
            return Err(problems);
        }
        let values = EventChanges {
            title: Some(self.title),
            description: Some(self.description),
            venue: Some(self.venue),
            city: Some(self.city),
            time_zone: Some(self.time_zone),
            starts_at,
            ends_at,
            price: price.ok(),
            total_tickets: Some(self.total_tickets),
            max_per_booking: Some(self.max_per_booking),
            sales_start_at,
            sales_end_at,
        };
        Ok(ImportRow { external_id: self.external_id, values, is_published: self.publish })
    }

    fn of(event: &event::Model) -> Self {
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        Self {
            external_id: event.external_id.clone().unwrap_or_default(),
            title: event.title.clone(),
            description: event.description.clone(),
            venue: event.venue.clone(),
            city: event.city.clone(),
            time_zone: event.time_zone.clone(),
            starts_at: time(event.starts_at),
            ends_at: event.ends_at.map(time).unwrap_or_default(),
            price: amount(event.price_minor, &event.currency).to_string(),
            currency: event.currency.clone(),
            total_tickets: event.total_tickets,
            max_per_booking: event.max_per_booking,
            sales_start_at: event.sales_start_at.map(time).unwrap_or_default(),
            sales_end_at: event.sales_end_at.map(time).unwrap_or_default(),
            publish: event.status == event::Status::Published,
        }
    }

    /// The row without anything that a spreadsheet takes for a formula.
    fn for_spreadsheets(mut self) -> Self {
        for text in [
            &mut self.external_id,
            &mut self.title,
            &mut self.description,
            &mut self.venue,
            &mut self.city,
        ] {
            *text = spreadsheet::escaped(text);
        }
        self
    }
}

/// Reads a moment, or a time by the clocks of the event's zone. A time that comes twice there, when
/// clocks are set back, is its first one; one that never comes is none.
fn parse_time(text: &str, zone: Option<Tz>) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let forms = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let local = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
    zone?.from_local_datetime(&local).earliest().map(|time| time.to_utc())
}

/// Writes events as a file that can be imported again.
///
/// # Errors
/// When a value can't be written, which should not happen.
pub(crate) fn write(format: FileFormat, events: &[event::Model]) -> anyhow::Result<String> {
    let rows = events.iter().map(FileRow::of);
    match format {
        FileFormat::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in rows {
                writer.serialize(row.for_spreadsheets())?;
            }
            Ok(String::from_utf8(writer.into_inner()?)?)
        }
        FileFormat::Json => Ok(serde_json::to_string_pretty(&rows.collect::<Vec<_>>())? + "\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "external_id,title,venue,time_zone,starts_at,price,currency,total_tickets";

    fn read(lines: &str) -> Result<ImportFile, String> {
        ImportFile::read(FileFormat::Csv, &format!("\u{feff}{HEAD}\n{lines}\n"))
    }

    #[test]
    fn a_line_is_an_event_with_times_of_its_zone() {
        let file = read(
            "a,\"Jazz, live\",Hall,Europe/Berlin,2027-07-01 19:30,35.5,EUR,80\n\
             b,'=Equals,Hall,UTC,2027-07-01T19:30:00+01:00,0,EUR,1",
        );
        let rows = file.unwrap().rows;
        let start = |row: &ImportRow| row.values.starts_at.unwrap().to_rfc3339();
        assert_eq!(start(&rows[0]), "2027-07-01T17:30:00+00:00");
        assert_eq!(start(&rows[1]), "2027-07-01T18:30:00+00:00");
        assert_eq!(rows[0].values.title.as_deref(), Some("Jazz, live"));
        assert_eq!(rows[0].values.price.as_ref().unwrap().minor, 3_550);
        assert_eq!(rows[1].values.title.as_deref(), Some("=Equals"));
    }

    #[test]
    fn cells_are_read_as_spreadsheets_write_them() {
        let text = format!(
            "{HEAD},max_per_booking,publish\na,Jazz,Hall,UTC,2027-07-01 19:30,1,EUR,8,,TRUE\n\
             b,Jazz,Hall,UTC,2027-07-01 19:30,1,EUR,8,4,\n"
        );
        let rows = ImportFile::read(FileFormat::Csv, &text).unwrap().rows;
        let read: Vec<_> =
            rows.iter().map(|row| (row.is_published, row.values.max_per_booking)).collect();
        assert_eq!(read, [(true, Some(10)), (false, Some(4))]);
    }

    #[test]
    fn each_problem_is_told_with_its_line() {
        let problems = read(
            "a,Jazz,Hall,Europe/Berlin,tomorrow,x,EUR,80\n\
             b,Jazz,Hall,Europe/Berlin,2027-03-28 02:30,1.005,EUR,1",
        )
        .unwrap_err();
        let places: Vec<&str> =
            problems.lines().map(|line| line.rsplit_once(": ").unwrap().0).collect();
        assert_eq!(places.len(), 4, "{problems}");
        assert!(problems.contains("line 2: starts_at: "), "{problems}");
        assert!(problems.contains("line 2: price: "), "{problems}");
        // Clocks were set forward at two.
        assert!(problems.contains("line 3: starts_at: "), "{problems}");
        let problem = read("a,Jazz,Hall,UTC,2027-07-01 19:30,1,EUR,many").unwrap_err();
        assert!(problem.starts_with("line 2: total_tickets: "), "{problem}");
        let blank = read("a,Jazz,Hall,UTC,2027-07-01 19:30,1,EUR,8\n,,,,,,,").unwrap();
        assert_eq!(blank.rows.len(), 1);
        assert!(read("").is_err());
        assert!(ImportFile::read(FileFormat::Csv, "title\nJazz\n").is_err());
        assert!(ImportFile::read(FileFormat::Json, "{").is_err());
    }

    #[test]
    fn what_is_exported_is_imported_as_it_was() {
        let file = read("a,=1+1,Hall,Europe/Berlin,2027-07-01 19:30,35.5,EUR,80").unwrap();
        let draft = crate::events::draft(
            rowlock_entities::organizer::FIRST_ORGANIZER,
            Some("a".to_owned()),
            &file.rows[0].values,
            Utc::now(),
        );
        for format in [FileFormat::Csv, FileFormat::Json] {
            let text = write(format, std::slice::from_ref(&draft)).unwrap();
            let again = ImportFile::read(format, &text).unwrap();
            let (values, first) = (&again.rows[0].values, &file.rows[0].values);
            assert_eq!((&values.title, &values.price), (&first.title, &first.price), "{text}");
            assert_eq!(values.starts_at, first.starts_at);
        }
    }
}
