//! Events in files, as organizers import and export them: CSV for spreadsheets, JSON for programs.

use std::{collections::HashSet, fmt::Write};

use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;
use rowlock_entities::event;
use serde::{Deserialize, Serialize};

use super::{ImportProblem, ImportRow};
use crate::{
    clock::without_leap_second,
    events::{EventChanges, MAX_TICKETS_PER_BOOKING, Price, PriceProblem, amount, parse_decimal},
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
#[serde(deny_unknown_fields, expecting = "an event in braces, with the names of its fields")]
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

/// The columns that a file must have.
const REQUIRED_COLUMNS: [&str; 8] = [
    "external_id",
    "title",
    "venue",
    "time_zone",
    "starts_at",
    "price",
    "currency",
    "total_tickets",
];
/// The columns that a file may have.
const OPTIONAL_COLUMNS: [&str; 7] = [
    "description",
    "city",
    "ends_at",
    "max_per_booking",
    "sales_start_at",
    "sales_end_at",
    "publish",
];

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
        let mut lines = String::new();
        for ImportProblem { place, problem } in problems {
            write_problem(&mut lines, self.places.get(*place).map_or("", String::as_str), problem);
        }
        lines
    }

    /// Reads a file.
    ///
    /// # Errors
    /// With a line for each problem.
    pub(crate) fn read(format: FileFormat, text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}');
        let rows = match format {
            FileFormat::Csv => read_csv(text)?,
            FileFormat::Json => read_json(text)?,
        };
        if rows.is_empty() {
            return Err("the file has no events".to_owned());
        }
        let mut file = Self { rows: Vec::with_capacity(rows.len()), places: Vec::new() };
        let mut problems = String::new();
        for (place, row) in rows {
            match row.map(FileRow::check) {
                Ok(Ok(row)) => file.rows.push(row),
                Ok(Err(of_row)) => {
                    for problem in of_row {
                        write_problem(&mut problems, &place, &problem);
                    }
                }
                Err(problem) => {
                    // Writing to a string succeeds.
                    let _ = writeln!(problems, "{place}: {problem}");
                }
            }
            file.places.push(place);
        }
        if problems.is_empty() { Ok(file) } else { Err(problems) }
    }
}

/// Adds a line that tells a problem.
fn write_problem(lines: &mut String, place: &str, problem: &FieldProblem) {
    let field = column_name(&problem.field);
    let message = problem.message.replacen(&problem.field, &field, 1);
    // Writing to a string succeeds.
    let _ = writeln!(lines, "{place}: {field}: {message}");
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

/// The rows of a file, each with its place. A row that can't be read says why.
type ReadRows = Vec<(String, Result<FileRow, String>)>;

fn read_json(text: &str) -> Result<ReadRows, String> {
    let file: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("the file is not JSON: {error}"))?;
    let serde_json::Value::Array(events) = file else {
        return Err("the file is no list of events: write [ before the first event, and ] after \
                    the last one"
            .to_owned());
    };
    let read = |event| {
        serde_path_to_error::deserialize(as_file_row(event)).map_err(|error| {
            let field = error.path().to_string();
            let field = if field == "." { String::new() } else { format!("{field}: ") };
            format!("{field}{}", error.inner())
        })
    };
    let rows = (1..).zip(events).map(|(number, event)| (format!("event {number}"), read(event)));
    Ok(rows.collect())
}

/// An event as `FileRow` is read. Programs write `null` for an optional field without a value, and a
/// number for the price.
fn as_file_row(mut event: serde_json::Value) -> serde_json::Value {
    if let Some(fields) = event.as_object_mut() {
        fields.retain(|name, value| !value.is_null() || !OPTIONAL_COLUMNS.contains(&name.as_str()));
        if let Some(price) = fields.get_mut("price").filter(|price| price.is_number()) {
            *price = price.to_string().into();
        }
    }
    event
}

fn read_csv(text: &str) -> Result<ReadRows, String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let head = reader.headers().map_err(|error| error.to_string())?;
    let head: csv::StringRecord = head.iter().map(str::to_lowercase).collect::<Vec<_>>().into();
    check_head(&head)?;
    let (mut rows, mut lines) = (Vec::new(), LineCounter::new(text));
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = lines.line_at(error.position());
                rows.push((format!("line {line}"), Err(unreadable(&error))));
                continue;
            }
        };
        let line = lines.line_at(record.position());
        // Spreadsheets write rows of empty cells below the last one.
        if record.iter().all(str::is_empty) {
            continue;
        }
        let cells = head.iter().zip(&record).map(|(column, text)| cell(column, text));
        let texts: csv::StringRecord = cells.collect::<Vec<_>>().into();
        let row = texts.deserialize(Some(&head)).map_err(|error| in_words(&error, &head));
        rows.push((format!("line {line}"), row));
    }
    Ok(rows)
}

/// Counts the lines of a file from one record to the next. The library counts one too few where lines
/// end with CR and LF: for it, the LF belongs to the next record.
struct LineCounter<'a> {
    text: &'a str,
    /// The place up to which lines are counted, in bytes.
    byte: usize,
    line: usize,
}

impl<'a> LineCounter<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, byte: 0, line: 1 }
    }

    /// The number of the line at which a record begins, counted from 1. Records come in their order.
    fn line_at(&mut self, position: Option<&csv::Position>) -> usize {
        let start = position.and_then(|position| usize::try_from(position.byte()).ok());
        let rest = start.and_then(|start| self.text.get(start..)).unwrap_or_default();
        let begin = self.text.len() - rest.trim_start_matches(['\r', '\n']).len();
        let skipped = self.text.get(self.byte..begin).unwrap_or_default();
        self.line += skipped.matches('\n').count();
        self.byte = self.byte.max(begin);
        self.line
    }
}

/// Returns what separates the cells. Spreadsheets write semicolons where numbers have a decimal comma.
fn delimiter(text: &str) -> u8 {
    let head = text.lines().next().unwrap_or_default();
    if head.contains(';') && !head.contains(',') { b';' } else { b',' }
}

/// Checks that the head line names each column that is needed, and no unknown one.
fn check_head(head: &csv::StringRecord) -> Result<(), String> {
    let mut problems = String::new();
    let mut named = HashSet::new();
    for column in head {
        if !REQUIRED_COLUMNS.contains(&column) && !OPTIONAL_COLUMNS.contains(&column) {
            let _ = writeln!(problems, "line 1: {column:?} is no column.");
        } else if !named.insert(column) {
            let _ = writeln!(problems, "line 1: the column {column} is there twice.");
        }
    }
    for column in REQUIRED_COLUMNS.iter().filter(|column| !named.contains(*column)) {
        let _ = writeln!(problems, "line 1: the column {column} is missing.");
    }
    if problems.is_empty() {
        return Ok(());
    }
    let (required, optional) = (REQUIRED_COLUMNS.join(", "), OPTIONAL_COLUMNS.join(", "));
    Err(problems + &format!("Needed are {required}; and there can be {optional}."))
}

/// Says what is wrong with a record that can't be read, such as one with a cell too many. Its line
/// is said already.
fn unreadable(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!(
            "it has {len} cells, and the head line has {expected_len}. Put a text with separators \
             into quotation marks."
        ),
        _ => error.to_string(),
    }
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
    let message = match err.kind() {
        csv::DeserializeErrorKind::ParseInt(_) => "write a whole number, such as 80.".to_owned(),
        csv::DeserializeErrorKind::ParseBool(_) => "write true or false.".to_owned(),
        kind => kind.to_string(),
    };
    match column {
        Some(column) => format!("{column}: {message}"),
        None => message,
    }
}

impl FileRow {
    fn check(self) -> Result<ImportRow, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let zone = self.time_zone.parse::<Tz>().ok();
        let mut time = |field: &str, text: &str| match parse_time(text, zone) {
            Ok(time) => Some(time),
            // The zone is wrong, which is told below.
            Err(NoTime::UnknownZone) => None,
            Err(NoTime::NeverComes(zone)) => {
                let message = format!("{text:?} never comes: the clocks of {zone} skip it.");
                problems.push(FieldProblem::new(field, message));
                None
            }
            Err(NoTime::Unreadable) => {
                problems.push(FieldProblem::new(
                    field,
                    format!(
                        "{text:?} is no time. Write it like 2027-03-15T19:30:00Z, or like \
                         2027-03-15 19:30 for the event's own time zone."
                    ),
                ));
                None
            }
        };
        let starts_at = time("starts_at", &self.starts_at);
        let mut optional = |field: &str, text: &str| match text.is_empty() {
            true => Some(None),
            false => time(field, text).map(Some),
        };
        let ends_at = optional("ends_at", &self.ends_at);
        let sales_start_at = optional("sales_start_at", &self.sales_start_at);
        let sales_end_at = optional("sales_end_at", &self.sales_end_at);
        let price = parse_decimal(&self.price)
            .ok_or_else(|| {
                PriceProblem::Amount(format!("{:?} is no amount. Write it like 49.90.", self.price))
            })
            .and_then(|amount| Price::parse(amount, &self.currency));
        let price = price.map_err(|problem| problems.push(problem.with_field("price", "currency")));
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
            unreadable: problems,
        };
        let values = values.check()?;
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

/// Why a text is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoTime {
    Unreadable,
    /// It is by the clocks of a zone that is not known.
    UnknownZone,
    /// The clocks of this zone are set forward over it.
    NeverComes(Tz),
}

/// Reads a moment, or a time by the clocks of the event's zone. A time that comes twice there, when
/// clocks are set back, is its first one.
fn parse_time(text: &str, zone: Option<Tz>) -> Result<DateTime<Utc>, NoTime> {
    read_time(text, zone).map(without_leap_second)
}

fn read_time(text: &str, zone: Option<Tz>) -> Result<DateTime<Utc>, NoTime> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let without_seconds = ["%Y-%m-%d %H:%M%#z", "%Y-%m-%dT%H:%M%#z"];
    let moment = without_seconds.iter().find_map(|form| DateTime::parse_from_str(text, form).ok());
    if let Some(time) = moment {
        return Ok(time.to_utc());
    }
    let forms = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let local = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let local = local.ok_or(NoTime::Unreadable)?;
    let zone = zone.ok_or(NoTime::UnknownZone)?;
    let time = zone.from_local_datetime(&local).earliest();
    time.map(|time| time.to_utc()).ok_or(NoTime::NeverComes(zone))
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
    use serde_json::json;

    use super::*;

    const HEAD: &str = "external_id,title,venue,time_zone,starts_at,price,currency,total_tickets";

    fn read(lines: &str) -> Result<ImportFile, String> {
        ImportFile::read(FileFormat::Csv, &format!("\u{feff}{HEAD}\n{lines}\n"))
    }

    #[test]
    fn a_line_is_an_event_with_times_of_its_zone() {
        let file = read(
            "a,\"Jazz, live\",Hall,Europe/Berlin,2027-07-01 19:30,35.5,EUR,80\n\
             b,'=Equals,Hall,UTC,2027-07-01T19:30:00+01:00,0,EUR,1\n\
             c,Jazz,Hall,Europe/Berlin,2027-07-01 19:30+01:00,0,EUR,1\n\
             d,Jazz,Hall,Europe/Berlin,2027-07-01T18:30Z,0,EUR,1",
        );
        let rows = file.unwrap().rows;
        let start = |row: &ImportRow| row.values.starts_at.unwrap().to_rfc3339();
        assert_eq!(start(&rows[0]), "2027-07-01T17:30:00+00:00");
        for row in &rows[1..] {
            assert_eq!(start(row), "2027-07-01T18:30:00+00:00");
        }
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
    fn json_is_read_as_programs_write_it() {
        let event = json!({
            "external_id": "a", "title": "Jazz", "venue": "Hall", "city": null, "time_zone": "UTC",
            "starts_at": "2027-07-01T19:30:00Z", "ends_at": null, "price": 35.5, "currency": "EUR",
            "total_tickets": 80, "max_per_booking": null, "publish": null,
        });
        let rows = ImportFile::read(FileFormat::Json, &json!([event]).to_string()).unwrap().rows;
        let values = &rows[0].values;
        assert_eq!(values.price.as_ref().unwrap().minor, 3_550);
        assert_eq!((values.ends_at, values.max_per_booking), (Some(None), Some(10)));
        let wrong =
            json!([{ "external_id": "a", "title": null }, { "sales_end": null }]).to_string();
        let problems = ImportFile::read(FileFormat::Json, &wrong).unwrap_err();
        assert!(problems.contains("event 1: title: invalid type: null"), "{problems}");
        assert!(problems.contains("event 2: sales_end: unknown field"), "{problems}");
    }

    #[test]
    fn each_problem_is_told_with_its_line() {
        let problems = read(
            "a,Jazz,Hall,Europe/Berlin,tomorrow,x,EUR,80\n\
             b,Jazz,Hall,Europe/Berlin,2027-03-28 02:30,1.005,EUR,1\n\
             c,Jazz,Hall,Europe/Berlin,2027-07-01 19:30,1,EUR,many\n\
             d,Jazz,Hall,Europe/Berlin,2027-07-01 19:30,1,eur,1",
        )
        .unwrap_err();
        let places: Vec<&str> =
            problems.lines().map(|line| line.rsplit_once(": ").unwrap().0).collect();
        assert_eq!(places.len(), 6, "{problems}");
        assert!(problems.contains("line 2: starts_at: "), "{problems}");
        assert!(problems.contains("line 2: price: "), "{problems}");
        // Clocks were set forward at two.
        assert!(problems.contains("line 3: starts_at: "), "{problems}");
        assert!(problems.contains("line 4: total_tickets: "), "{problems}");
        assert!(problems.contains("line 5: currency: "), "{problems}");
        // Spreadsheets end lines with two characters, and texts may have several lines.
        let lines = "a,\"Jazz\r\nNight\",Hall,UTC,2027-07-01 19:30,1,EUR,many\r\n\
                     \r\nb,Jazz,Hall,UTC,2027-07-01 19:30,1,EUR,many\r\n";
        let problems = read(lines).unwrap_err();
        let places: Vec<&str> = problems.lines().map(|line| &line[..6]).collect();
        assert_eq!(places, ["line 2", "line 5"], "{problems}");
        let problem = read("a,Jazz,Hall,UTC,2027-07-01 19:30,1,EUR,many").unwrap_err();
        assert!(problem.starts_with("line 2: total_tickets: "), "{problem}");
        let blank = read("a,Jazz,Hall,UTC,2027-07-01 19:30,1,EUR,8\n,,,,,,,").unwrap();
        assert_eq!(blank.rows.len(), 1);
        assert!(read("").is_err());
        assert!(ImportFile::read(FileFormat::Csv, "title\nJazz\n").is_err());
        assert!(ImportFile::read(FileFormat::Json, "{").is_err());
        assert!(ImportFile::read(FileFormat::Json, "{}").unwrap_err().contains("write ["));
    }

    #[test]
    fn a_problem_says_what_to_write() {
        let lines = "a,Jazz,Hall,Europe/Zürich,2027-07-01 19:30,1,EUR,8\n\
                     b,Jazz,Hall,Europe/Zurich,2027-03-28 02:30,1,EUR,8";
        assert_eq!(
            read(lines).unwrap_err(),
            "line 2: time_zone: time_zone must be a name of the IANA database, such as \
             Europe/Berlin.\n\
             line 3: starts_at: \"2027-03-28 02:30\" never comes: the clocks of Europe/Zurich skip \
             it.\n"
        );
        let lines = "a,Jazz,Hall,UTC,2027-07-01 19:30,1,EUR,90.5\n\
                     b,Jazz, live,Hall,UTC,2027-07-01 19:30,1,EUR,8";
        assert_eq!(
            read(lines).unwrap_err(),
            "line 2: total_tickets: write a whole number, such as 80.\n\
             line 3: it has 9 cells, and the head line has 8. Put a text with separators into \
             quotation marks.\n"
        );
        let json = r#"[{ "external_id": "a", "title": 5 }, 7]"#;
        let problems = ImportFile::read(FileFormat::Json, json).unwrap_err();
        assert!(problems.starts_with("event 1: title: invalid type: integer `5`"), "{problems}");
        let event_2 = "\nevent 2: invalid type: integer `7`, expected an event in braces";
        assert!(problems.contains(event_2), "{problems}");
    }

    #[test]
    fn a_wrong_head_is_told_once() {
        let text = "external_id,titel,title,title\na,,,\nb,,,\n";
        let problems = ImportFile::read(FileFormat::Csv, text).unwrap_err();
        assert!(problems.contains("line 1: \"titel\" is no column.\n"), "{problems}");
        assert!(problems.contains("line 1: the column title is there twice.\n"), "{problems}");
        assert!(problems.contains("line 1: the column venue is missing.\n"), "{problems}");
        assert!(!problems.contains("line 2"), "{problems}");
    }

    #[test]
    fn spreadsheets_may_separate_cells_with_semicolons_and_write_capitals() {
        let text = format!(
            "{}\na;\"Jazz; live, again\";Hall;UTC;2027-07-01 19:30;1;EUR;8\n",
            HEAD.replace(',', ";").to_uppercase()
        );
        let rows = ImportFile::read(FileFormat::Csv, &text).unwrap().rows;
        assert_eq!(rows[0].values.title.as_deref(), Some("Jazz; live, again"));
    }

    #[test]
    fn all_columns_are_known() {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.serialize(FileRow::default()).unwrap();
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let mut written: Vec<&str> = text.lines().next().unwrap().split(',').collect();
        let mut known = [&REQUIRED_COLUMNS[..], &OPTIONAL_COLUMNS].concat();
        written.sort_unstable();
        known.sort_unstable();
        assert_eq!(written, known);
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
