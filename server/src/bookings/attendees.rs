//! Who holds or held tickets of an event, as its organizer sees it.

use rowlock_entities::{BookingId, EventId, booking, user};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait,
    FromQueryResult, JoinType, Order, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, RelationTrait, Select,
    sea_query::{Expr, Func, LikeExpr},
};

use super::reference::Reference;
use crate::{accounts::is_of_deleted_account, pagination::PageRequest};

/// A booking with the person who made it.
#[derive(Clone, Debug)]
pub(crate) struct Attendee {
    pub(crate) booking: booking::Model,
    pub(crate) name: String,
    /// Empty if the person has deleted their account.
    pub(crate) email: String,
}

/// Selects the attendees of one event.
#[derive(Clone, Debug)]
pub(crate) struct AttendeeFilter {
    pub(crate) event: EventId,
    pub(crate) status: Option<booking::Status>,
    /// Each of these words is in the name or the email, or begins the reference.
    words: Vec<String>,
    /// The whole text as the start of a reference, which may be written with spaces.
    references: Option<(Reference, Reference)>,
}

impl AttendeeFilter {
    /// The attendees with this status, in whose name, email or reference each word of `search`
    /// is, whatever its case.
    pub(crate) fn new(event: EventId, status: Option<booking::Status>, search: &str) -> Self {
        let words = search.split_whitespace().map(str::to_owned).collect();
        Self { event, status, words, references: Reference::range(search) }
    }

    /// Whether finding the attendees may take reading all bookings of the event.
    pub(super) fn is_search(&self) -> bool {
        self.status.is_some() || self.has_words()
    }

    pub(super) fn has_words(&self) -> bool {
        !self.words.is_empty()
    }

    fn select(&self, backend: DbBackend) -> Select<booking::Entity> {
        let words =
            self.words.iter().fold(Condition::all(), |all, word| all.add(has_word(backend, word)));
        let found = Condition::any()
            .add(words)
            .add_option(self.references.map(|range| has_reference(backend, range)));
        let condition = Condition::all()
            .add(booking::is_of_event(self.event))
            .add_option(self.status.map(|status| booking::Column::Status.eq(status)))
            .add_option(self.has_words().then_some(found));
        with_people(backend, booking::Entity::find()).filter(condition)
    }
}

/// Joins each booking with its person. On PostgreSQL, people are looked up one by one: a plain join,
/// planned while there are few people, may search all of them, and its plan is still used when there
/// are many.
fn with_people(
    backend: DbBackend,
    mut bookings: Select<booking::Entity>,
) -> Select<booking::Entity> {
    if backend != DbBackend::Postgres {
        return bookings.join(JoinType::InnerJoin, booking::Relation::User.def());
    }
    let id = Expr::col((user::Entity, user::Column::Id));
    let person = user::Entity::find()
        .select_only()
        .columns([user::Column::Name, user::Column::Email])
        .filter(id.equals((booking::Entity, booking::Column::UserId)))
        .limit(1)
        .into_query();
    let every_booking = Expr::cust("TRUE");
    let query = QueryTrait::query(&mut bookings);
    query.join_lateral(JoinType::InnerJoin, person, user::Entity, every_booking);
    bookings
}

/// SQLite's `lower` knows the case of ASCII only.
fn has_word(backend: DbBackend, word: &str) -> Condition {
    let pattern = |word: &str| {
        let escaped = word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        LikeExpr::new(format!("%{escaped}%")).escape('\\')
    };
    let (lower, name) = (word.to_lowercase(), (user::Entity, user::Column::Name));
    Condition::any()
        .add(Expr::expr(Func::lower(Expr::col(name))).like(pattern(&lower)))
        // As it is typed, with the capitals that the database does not know.
        .add(Expr::col(name).like(pattern(word)))
        .add(Expr::col((user::Entity, user::Column::Email)).like(pattern(&lower)))
        .add_option(Reference::range(word).map(|range| has_reference(backend, range)))
}

fn has_reference(backend: DbBackend, (first, last): (Reference, Reference)) -> Expr {
    let end_of_id = match backend {
        DbBackend::Postgres => "right(bookings.id::text, 12)",
        _ => "lower(substr(hex(bookings.id), 21))",
    };
    Expr::cust(end_of_id).between(first.hex(), last.hex())
}

#[derive(FromQueryResult)]
struct Person {
    attendee_name: String,
    attendee_email: String,
}

/// Reads a page in its direction, and one row more if there is one. The newest bookings come first.
pub(super) async fn find_page(
    db: &impl ConnectionTrait,
    filter: &AttendeeFilter,
    page: &PageRequest<BookingId>,
) -> Result<Vec<Attendee>, DbErr> {
    use booking::Column::{EventId, Id};
    let bounds = Condition::all()
        .add_option(page.after.map(|id| booking::is_before(filter.event, id)))
        .add_option(page.before.map(|id| booking::is_after(filter.event, id)));
    let order = if page.is_backwards { Order::Asc } else { Order::Desc };
    let select = filter.select(db.get_database_backend()).filter(bounds);
    let select = select.order_by(EventId, order.clone()).order_by(Id, order);
    read(db, select.limit(page.size + 1)).await
}

/// Reads the next attendees of an event in the order in which they booked.
pub(super) async fn find_after(
    db: &impl ConnectionTrait,
    event: EventId,
    after: Option<BookingId>,
    limit: u64,
) -> Result<Vec<Attendee>, DbErr> {
    use booking::Column::{EventId, Id};
    let filter = AttendeeFilter::new(event, None, "");
    let bounds = Condition::all().add_option(after.map(|id| booking::is_after(event, id)));
    let select = filter.select(db.get_database_backend()).filter(bounds);
    let select = select.order_by_asc(EventId).order_by_asc(Id);
    read(db, select.limit(limit)).await
}

/// The booking of an event that has this reference. Among several, which is hardly possible, a
/// confirmed one counts.
pub(super) async fn find_by_reference(
    db: &impl ConnectionTrait,
    event: EventId,
    reference: Reference,
) -> Result<Option<BookingId>, DbErr> {
    let rows: Vec<(BookingId, booking::Status)> = booking::Entity::find()
        .select_only()
        .columns([booking::Column::Id, booking::Column::Status])
        .filter(booking::is_of_event(event))
        .filter(has_reference(db.get_database_backend(), (reference, reference)))
        .into_tuple()
        .all(db)
        .await?;
    let is_confirmed =
        |(_, status): &&(BookingId, booking::Status)| *status == booking::Status::Confirmed;
    let found = rows.iter().find(is_confirmed).or(rows.first());
    Ok(found.map(|(id, _)| *id))
}

async fn read(
    db: &impl ConnectionTrait,
    select: Select<booking::Entity>,
) -> Result<Vec<Attendee>, DbErr> {
    let rows = select
        .column_as(user::Column::Name, "attendee_name")
        .column_as(user::Column::Email, "attendee_email")
        .into_model::<AttendeeRow>()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|AttendeeRow(attendee)| attendee).collect())
}

struct AttendeeRow(Attendee);

impl FromQueryResult for AttendeeRow {
    fn from_query_result(row: &sea_orm::QueryResult, prefix: &str) -> Result<Self, DbErr> {
        let booking = booking::Model::from_query_result(row, prefix)?;
        let Person { attendee_name: name, attendee_email: email } =
            Person::from_query_result(row, prefix)?;
        let email = if is_of_deleted_account(&email) { String::new() } else { email };
        Ok(Self(Attendee { booking, name, email }))
    }
}

/// Counts what a search finds.
pub(super) async fn count(
    db: &impl ConnectionTrait,
    filter: &AttendeeFilter,
) -> Result<u64, DbErr> {
    filter.select(db.get_database_backend()).count(db).await
}
