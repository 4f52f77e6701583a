//! The pictures of events: how organizers give them, what becomes of them, and how they are served.

use std::{io::Cursor, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::future::join_all;
use image::{
    DynamicImage, ImageDecoder, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage,
    codecs::jpeg::JpegDecoder,
};
use reqwest::{Method, Response, StatusCode, header};
use rowlock_entities::organizer_member::Role;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{
    app::{App, code_and_fields},
    database::Engine,
    demo::UNKNOWN_ID,
    managed_events::{Host, cancel_event, revision_of},
    on_both_engines,
    socket::{MODERN_PROTOCOL, Socket},
};

on_both_engines! {
    each_format_becomes_jpegs_of_three_widths
    a_lossy_webp_is_read
    a_picture_is_cropped_turned_and_loses_its_metadata
    a_transparent_picture_is_on_white
    a_small_picture_is_not_enlarged
    what_is_no_picture_is_refused_and_changes_nothing
    a_picture_needs_a_text
    a_picture_has_a_largest_size["--max-cover-bytes", "2000"]
    a_cover_is_replaced_and_taken_away
    a_cancelled_event_keeps_its_cover
    a_cover_is_deleted_with_its_event
    only_an_access_token_signs_a_change_in
    changes_of_covers_are_limited["--organizer-changes-per-minute-per-user", "2"]
    a_picture_that_stops_arriving_is_given_up["--request-seconds", "1"]
    pictures_can_be_kept_for_good
    of_pictures_that_are_sent_at_once_one_stays_whole
    a_crowd_of_pictures_is_told_to_come_back
    open_pages_learn_of_a_cover
    the_page_of_an_event_names_its_cover
}

/// A picture like those of [`red_and_blue`], 64 pixels wide and 36 high, as browsers compress it.
const LOSSY_WEBP: &str = "UklGRmYAAABXRUJQVlA4IFoAAABQBACdASpAACQAPrVWo00nJSMiKrgIAOAWiWMAxbqgfiqAK6Omz69iTbeAAP7qZf+vSSWwZ//nEuOs7u19nFvSMCY2wfbL2fcVK12kOupma+ptOtEu2UeoAAA=";

const RED: Rgb<u8> = Rgb([220, 30, 30]);
const BLUE: Rgb<u8> = Rgb([30, 30, 220]);

/// A picture whose left half is red and whose right half is blue.
fn red_and_blue(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { RED } else { BLUE })
}

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn jpeg(width: u32, height: u32) -> Vec<u8> {
    encoded(red_and_blue(width, height), ImageFormat::Jpeg)
}

/// Exif data with an orientation and a place on earth.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08".to_vec();
    exif.extend(b"\0\x02\x01\x12\0\x03\0\0\0\x01\0");
    exif.extend([orientation, 0, 0]);
    exif.extend(b"\x88\x25\0\x04\0\0\0\x01\0\0\0\x26\0\0\0\0");
    exif.extend(b"\0\x01\0\x01\0\x02\0\0\0\x02N\0\0\0\0\0\0\0");
    exif
}

fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let exif = exif(orientation);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

/// The start of a PNG of this size, without its content.
fn png_head(width: u32, height: u32) -> Vec<u8> {
    // The size and its checksum are exchanged in a small picture.
    let small = encoded(RgbImage::new(1, 1), ImageFormat::Png);
    let mut head = small[..29].to_vec();
    head[16..20].copy_from_slice(&width.to_be_bytes());
    head[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = !0_u32;
    for byte in &head[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    [&head, &(!crc).to_be_bytes()[..], &small[33..]].concat()
}

async fn put(app: &App, token: &str, event: &str, alt: &str, picture: Vec<u8>) -> Response {
    let request = app.http.put(format!("{}/events/{event}/cover", app.url));
    request.query(&[("alt", alt)]).bearer_auth(token).body(picture).send().await.unwrap()
}

async fn delete(app: &App, token: &str, event: &str) -> Response {
    let request = app.http.delete(format!("{}/events/{event}/cover", app.url));
    request.bearer_auth(token).send().await.unwrap()
}

/// Gives an event a cover, which must succeed. Returns the event as it was answered.
async fn give(app: &App, token: &str, event: &str, picture: Vec<u8>) -> Value {
    let answer = put(app, token, event, "The hall", picture).await;
    let (status, mut answer): (_, Value) = (answer.status(), answer.json().await.unwrap());
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["data"]["event"].take()
}

/// The event's cover in GraphQL, or null.
async fn cover(app: &App, event: &str) -> Value {
    let query = "query($id: ID!) { event(id: $id) { cover { url widths alt
        smallest: url(width: 1) largest: url(width: 5000) } } }";
    app.data(None, query, json!({ "id": event })).await["event"]["cover"].take()
}

async fn load(app: &App, path: &str) -> Response {
    app.get(path).send().await.unwrap()
}

async fn load_picture(app: &App, path: &Value) -> RgbImage {
    let answer = load(app, path.as_str().unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let bytes = answer.bytes().await.unwrap();
    image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).unwrap().into_rgb8()
}

fn assert_colour(picture: &RgbImage, (x, y): (u32, u32), expected: Rgb<u8>) {
    let found = *picture.get_pixel(x, y);
    let is_near = found.0.iter().zip(expected.0).all(|(a, b)| a.abs_diff(b) < 20);
    assert!(is_near, "{found:?} instead of {expected:?} at {x}, {y}");
}

/// The status, the code and the wrong fields of a refusal.
async fn refusal(answer: Response) -> (u16, String, Vec<String>) {
    let (status, answer): (_, Value) = (answer.status(), answer.json().await.unwrap());
    let (code, fields) = code_and_fields(&answer["errors"][0]);
    (status.as_u16(), code.to_owned(), fields.into_iter().map(str::to_owned).collect())
}

fn bad_input(status: u16, field: &str) -> (u16, String, Vec<String>) {
    (status, "BAD_USER_INPUT".to_owned(), vec![field.to_owned()])
}

async fn each_format_becomes_jpegs_of_three_widths(app: App) {
    let host = Host::found(&app).await;
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let event = host.event(&app, json!({})).await;
        let alt = "Ein Saal, “voll” 🎷";
        let picture = encoded(red_and_blue(1_700, 1_000), format);
        let answer = put(&app, &host.owner, &event, alt, picture).await;
        assert_eq!(answer.status(), StatusCode::OK, "{format:?}");
        let answer: Value = answer.json().await.unwrap();
        let event = &answer["data"]["event"];
        assert_eq!((&event["revision"], &event["cover"]["alt"]), (&json!(3), &json!(alt)));
        let cover = cover(&app, event["id"].as_str().unwrap()).await;
        assert_eq!(cover["widths"], json!([400, 800, 1_600]));
        assert_eq!((&cover["alt"], &cover["largest"]), (&json!(alt), &event["cover"]["url"]));
        for (field, width, height) in
            [("smallest", 400, 225), ("url", 800, 450), ("largest", 1_600, 900)]
        {
            let picture = load_picture(&app, &cover[field]).await;
            assert_eq!(picture.dimensions(), (width, height), "{format:?}");
            assert_colour(&picture, (width / 4, height / 2), RED);
            assert_colour(&picture, (width * 3 / 4, height / 2), BLUE);
        }
    }
}

async fn a_lossy_webp_is_read(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let given = give(&app, &host.owner, &event, BASE64_STANDARD.decode(LOSSY_WEBP).unwrap()).await;
    assert_eq!(given["cover"]["widths"], json!([64]));
    let picture = load_picture(&app, &given["cover"]["url"]).await;
    assert_colour(&picture, (12, 18), RED);
    assert_colour(&picture, (52, 18), BLUE);
}

async fn a_picture_is_cropped_turned_and_loses_its_metadata(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    // A camera that is held upright stores its picture on its side: what is right here is below.
    let picture = with_exif(&jpeg(1_200, 640), 6);
    let mut decoder = JpegDecoder::new(Cursor::new(&picture)).unwrap();
    assert!(decoder.exif_metadata().unwrap().is_some());
    let given = give(&app, &host.owner, &event, picture).await;
    assert_eq!(given["cover"]["widths"], json!([400, 640]));
    let path = given["cover"]["url"].as_str().unwrap();
    let bytes = load(&app, path).await.bytes().await.unwrap();
    assert!(!bytes.windows(4).any(|four| four == b"Exif"));
    let mut decoder = JpegDecoder::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(decoder.exif_metadata().unwrap(), None);
    let turned = load_picture(&app, &given["cover"]["url"]).await;
    assert_eq!(turned.dimensions(), (640, 360));
    for x in [40, 600] {
        assert_colour(&turned, (x, 60), RED);
        assert_colour(&turned, (x, 300), BLUE);
    }
}

async fn a_transparent_picture_is_on_white(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let picture = RgbaImage::from_pixel(160, 90, Rgba([9, 9, 9, 0]));
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let given = give(&app, &host.owner, &event, encoded(picture.clone(), format)).await;
        let shown = load_picture(&app, &given["cover"]["url"]).await;
        assert_colour(&shown, (80, 45), Rgb([255, 255, 255]));
    }
}

async fn a_small_picture_is_not_enlarged(app: App) {
    let host = Host::found(&app).await;
    for (size, widths, height) in [
        ((500, 500), json!([400, 500]), 281),
        ((300, 2_000), json!([300]), 168),
        ((1, 1), json!([1]), 1),
    ] {
        let event = host.event(&app, json!({})).await;
        give(&app, &host.owner, &event, jpeg(size.0, size.1)).await;
        let cover = cover(&app, &event).await;
        assert_eq!(cover["widths"], widths);
        assert_eq!(cover["url"], cover["largest"]);
        assert_eq!(load_picture(&app, &cover["url"]).await.height(), height, "{size:?}");
    }
}

async fn what_is_no_picture_is_refused_and_changes_nothing(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    give(&app, &host.owner, &event, jpeg(160, 90)).await;
    let before = cover(&app, &event).await;
    let revision = revision_of(&app, &host.owner, &event).await;
    let photograph = with_exif(&jpeg(400, 300), 1);
    let cut = |bytes: &[u8]| bytes[..bytes.len() * 2 / 3].to_vec();
    let noise = RgbImage::from_fn(200, 200, |x, y| {
        Rgb([x, y, x * y].map(|value| u8::try_from(value * 37 % 251).unwrap()))
    });
    let mut broken = photograph.clone();
    broken[300..].fill(0xff);
    for (what, picture, status) in [
        ("nothing", Vec::new(), 400),
        ("text", b"The hall".to_vec(), 415),
        ("GIF", b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff;".to_vec(), 415),
        ("SVG", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(), 415),
        ("HTML", b"<!doctype html><script>alert(1)</script>".to_vec(), 415),
        ("BMP", b"BM\x1e\0\0\0\0\0\0\0\x1a\0\0\0".to_vec(), 415),
        ("a bomb", png_head(60_000, 60_000), 422),
        ("a wide bomb", png_head(2_000_000_000, 1), 422),
        ("a picture without content", png_head(100, 100), 422),
        ("a cut JPEG", cut(&photograph), 422),
        ("a cut PNG", cut(&encoded(noise.clone(), ImageFormat::Png)), 422),
        ("a cut WebP", cut(&encoded(noise, ImageFormat::WebP)), 422),
        ("a broken JPEG", broken, 422),
        ("the first bytes of a JPEG", photograph[..3].to_vec(), 422),
        ("too many pixels", encoded(RgbImage::new(6_000, 4_200), ImageFormat::Png), 422),
        ("too many bytes", vec![0xff; 5_000_001], 413),
    ] {
        let began = Instant::now();
        let answer = refusal(put(&app, &host.owner, &event, "The hall", picture).await).await;
        assert_eq!(answer, bad_input(status, "picture"), "{what}");
        assert!(began.elapsed() < Duration::from_secs(5), "{what}");
    }
    assert_eq!(cover(&app, &event).await, before);
    assert_eq!(revision_of(&app, &host.owner, &event).await, revision);
}

async fn a_picture_needs_a_text(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    for alt in ["", "  ", "a\nb", "\u{202e}llah", "a\u{0}", &"x".repeat(301)] {
        let answer = put(&app, &host.owner, &event, alt, jpeg(16, 9)).await;
        assert_eq!(refusal(answer).await, bad_input(400, "alt"), "{alt:?}");
    }
    let path = format!("{}/events/{event}/cover", app.url);
    let without = app.http.put(&path).bearer_auth(&host.owner).body(jpeg(16, 9));
    assert_eq!(refusal(without.send().await.unwrap()).await, bad_input(400, "alt"));
    assert_eq!(cover(&app, &event).await, Value::Null);
    let longest = "é".repeat(300);
    put(&app, &host.owner, &event, &format!(" {longest} "), jpeg(16, 9)).await;
    assert_eq!(cover(&app, &event).await["alt"], longest);
}

async fn a_picture_has_a_largest_size(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    // What is behind the end of a picture is not part of it.
    let of_size = |size: usize| [jpeg(16, 9), vec![0; size]].concat()[..size].to_vec();
    let answer = put(&app, &host.owner, &event, "The hall", of_size(2_001)).await;
    assert_eq!(answer.headers()[header::CONNECTION], "close");
    assert_eq!(refusal(answer).await, bad_input(413, "picture"));
    give(&app, &host.owner, &event, of_size(2_000)).await;
}

async fn a_cover_is_replaced_and_taken_away(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let first = give(&app, &host.owner, &event, jpeg(160, 90)).await;
    assert_eq!(first["revision"], 3);
    let again = give(&app, &host.owner, &event, jpeg(160, 90)).await;
    assert_eq!(again, first, "the same cover again is no edit");
    let other_text = put(&app, &host.owner, &event, "The stage", jpeg(160, 90)).await;
    let other_text = other_text.json::<Value>().await.unwrap()["data"]["event"].take();
    assert_eq!(other_text["revision"], 4);
    assert_eq!(other_text["cover"]["url"], first["cover"]["url"]);
    let second = give(&app, &host.owner, &event, jpeg(320, 180)).await;
    assert_eq!(second["revision"], 5);
    assert_ne!(second["cover"]["url"], first["cover"]["url"]);
    let path = |given: &Value| given["cover"]["url"].as_str().unwrap().to_owned();
    assert_eq!(load(&app, &path(&first)).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(load(&app, &path(&second)).await.status(), StatusCode::OK);
    for _ in 0..2 {
        let deleted = delete(&app, &host.owner, &event).await;
        assert_eq!(deleted.status(), StatusCode::OK);
        let deleted: Value = deleted.json().await.unwrap();
        let expected = json!({ "id": event, "revision": 6, "cover": null });
        assert_eq!(deleted["data"]["event"], expected);
        assert_eq!(cover(&app, &event).await, Value::Null);
        assert_eq!(load(&app, &path(&second)).await.status(), StatusCode::NOT_FOUND);
    }
    // An edit that was made from an older revision would not know of the cover.
    let late = crate::managed_events::update(&app, &host.owner, &event, 5, json!({ "city": "X" }));
    assert_eq!(late.await["__typename"], "EventChanged");
    app.assert_nothing_oversold().await;
}

async fn a_cancelled_event_keeps_its_cover(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let given = give(&app, &host.owner, &event, jpeg(160, 90)).await;
    cancel_event(&app, &host.owner, &event, "Rain").await;
    let other = put(&app, &host.owner, &event, "The hall", jpeg(320, 180)).await;
    assert_eq!(refusal(other).await, bad_input(409, "event"));
    assert_eq!(refusal(delete(&app, &host.owner, &event).await).await, bad_input(409, "event"));
    assert_eq!(cover(&app, &event).await["largest"], given["cover"]["url"]);
}

async fn a_cover_is_deleted_with_its_event(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    give(&app, &host.owner, &event, jpeg(500, 500)).await;
    let count = async |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        let statement = Statement::from_string(app.db().get_database_backend(), sql);
        let row = app.db().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    };
    assert_eq!((count("covers").await, count("cover_variants").await), (1, 2));
    app.execute_sql("DELETE FROM events WHERE title = 'Jazz' AND venue = 'Blue Door'").await;
    assert_eq!((count("covers").await, count("cover_variants").await), (0, 0));
}

async fn only_an_access_token_signs_a_change_in(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let log_in = app.request(None, crate::demo::LOG_IN_AS_ADA, json!({})).send().await.unwrap();
    let (cookie, _) = crate::app::refresh_cookie(&log_in);
    for method in [Method::PUT, Method::DELETE] {
        let path = format!("{}/events/{event}/cover?alt=Hall", app.url);
        let request = app.http.request(method, path).header(header::COOKIE, &cookie);
        let answer = request.body(jpeg(16, 9)).send().await.unwrap();
        assert_eq!(refusal(answer).await.0, 401);
    }
    let nowhere = put(&app, &host.owner, UNKNOWN_ID, "The hall", jpeg(16, 9)).await;
    assert_eq!(refusal(nowhere).await, (404, "NOT_FOUND".to_owned(), vec![]));
    let no_id = put(&app, &host.owner, "no-id", "The hall", jpeg(16, 9)).await;
    assert_eq!(refusal(no_id).await.0, 404);
}

async fn changes_of_covers_are_limited(app: App) {
    let host = Host::found(&app).await;
    // Creating and publishing by somebody else leaves the limit to the manager.
    let event = host.event(&app, json!({})).await;
    let manager = app.user().await;
    host.add(&app, &manager, Role::Manager).await;
    give(&app, &manager, &event, jpeg(16, 9)).await;
    assert_eq!(delete(&app, &manager, &event).await.status(), StatusCode::OK);
    let answer = put(&app, &manager, &event, "The hall", jpeg(16, 9)).await;
    assert_eq!(refusal(answer).await, (429, "RATE_LIMITED".to_owned(), vec![]));
    assert_eq!(refusal(delete(&app, &manager, &event).await).await.0, 429);
}

/// Sends a request whose body is shorter than it says. Returns the answer's status line.
async fn send_a_part(app: &App, token: &str, event: &str, ends: bool) -> String {
    let mut stream = TcpStream::connect(app.address()).await.unwrap();
    let head = format!(
        "PUT /events/{event}/cover?alt=Hall HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer \
         {token}\r\ncontent-length: 10000\r\n\r\n",
        app.address()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&jpeg(16, 9)[..300]).await.unwrap();
    if ends {
        stream.shutdown().await.unwrap();
    }
    let mut answer = String::new();
    let reading = stream.read_to_string(&mut answer);
    timeout(Duration::from_secs(10), reading).await.unwrap().unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

async fn a_picture_that_stops_arriving_is_given_up(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let began = Instant::now();
    let status = send_a_part(&app, &host.owner, &event, false).await;
    assert_eq!(status, "HTTP/1.1 408 Request Timeout");
    let waited = began.elapsed();
    assert!(waited >= Duration::from_secs(3) && waited < Duration::from_secs(6), "{waited:?}");
    let status = send_a_part(&app, &host.owner, &event, true).await;
    assert_eq!(status, "HTTP/1.1 400 Bad Request");
    assert_eq!(cover(&app, &event).await, Value::Null);
}

async fn pictures_can_be_kept_for_good(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let given = give(&app, &host.owner, &event, jpeg(500, 500)).await;
    let path = given["cover"]["url"].as_str().unwrap();
    let answer = load(&app, path).await;
    let headers = answer.headers().clone();
    for (name, value) in [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        assert_eq!(headers[&name], value);
    }
    let bytes = answer.bytes().await.unwrap();
    let head = app.http.head(format!("{}{path}", app.url)).send().await.unwrap();
    assert_eq!(head.headers()[header::CONTENT_LENGTH], bytes.len().to_string());
    assert!(head.bytes().await.unwrap().is_empty());
    let etag = headers[header::ETAG].to_str().unwrap();
    for (tags, status) in [
        (etag.to_owned(), 304),
        (format!("\"other\", W/{etag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
    ] {
        let known = app.get(path).header(header::IF_NONE_MATCH, &tags).send().await.unwrap();
        assert_eq!(known.status(), status, "{tags}");
        assert_eq!(known.headers()[header::ETAG], etag);
    }
    for unknown in [
        path.replace("-500", "-800"),
        path.replace("/covers/", "/covers/0"),
        path.replace(".jpg", ".png"),
        path.replace(".jpg", ""),
        format!("/covers/{}-400.jpg", "0".repeat(32)),
        "/covers/%00".to_owned(),
    ] {
        let answer = load(&app, &unknown).await;
        assert_ne!(answer.headers()[header::CACHE_CONTROL], headers[header::CACHE_CONTROL]);
        assert_eq!(refusal(answer).await, (404, "NOT_FOUND".to_owned(), vec![]), "{unknown}");
    }
}

async fn of_pictures_that_are_sent_at_once_one_stays_whole(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let buyer = app.user().await;
    let colours: Vec<Rgb<u8>> =
        (1..=6).map(|number| Rgb([number * 40, 0, 255 - number * 40])).collect();
    let sent = colours.iter().map(|colour| {
        let picture = RgbImage::from_pixel(900, 500, *colour);
        give(&app, &host.owner, &event, encoded(picture, ImageFormat::Jpeg))
    });
    let (given, booked) = tokio::join!(join_all(sent), app.book(&buyer, &event, 2));
    assert_eq!(booked["__typename"], "BookEventSuccess");
    let mut revisions: Vec<i64> =
        given.iter().map(|event| event["revision"].as_i64().unwrap()).collect();
    revisions.sort_unstable();
    assert_eq!(revisions, [3, 4, 5, 6, 7, 8]);
    let last = given.iter().position(|event| event["revision"] == 8).unwrap();
    let cover = cover(&app, &event).await;
    assert_eq!(cover["largest"], given[last]["cover"]["url"]);
    for field in ["smallest", "url", "largest"] {
        assert_colour(&load_picture(&app, &cover[field]).await, (200, 100), colours[last]);
    }
    app.assert_nothing_oversold().await;
}

async fn a_crowd_of_pictures_is_told_to_come_back(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let picture = jpeg(4_000, 2_500);
    let sent = (0..30).map(|_| put(&app, &host.owner, &event, "The hall", picture.clone()));
    let answers = join_all(sent).await;
    let (taken, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status() == StatusCode::OK);
    assert!(!taken.is_empty() && !refused.is_empty(), "{} were taken", taken.len());
    for answer in refused {
        let (status, answer): (_, Value) = (answer.status(), answer.json().await.unwrap());
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE");
        assert!(answer["errors"][0]["extensions"]["retryAfter"].is_u64(), "{answer}");
    }
    give(&app, &host.owner, &event, picture).await;
}

const COVER_UPDATES: &str = "subscription($ids: [ID!]!) {
    eventUpdates(eventIds: $ids) { revision cover { url(width: 1600) alt } } }";

/// Gives an event a cover on one server, and expects those who watch it on another one to learn of it.
async fn assert_learned_of(given_on: &App, watched_on: &App) {
    let host = Host::found(given_on).await;
    let event = host.event(given_on, json!({})).await;
    let mut watching = Socket::open(&watched_on.url, MODERN_PROTOCOL, json!({})).await;
    watching.start(COVER_UPDATES, json!({ "ids": [event] })).await;
    watching.run("{ __typename }", json!({})).await;
    let given = give(given_on, &host.owner, &event, jpeg(160, 90)).await;
    let mut next = async || watching.next_result().await["data"]["eventUpdates"].take();
    let expected = json!({ "url": given["cover"]["url"], "alt": "The hall" });
    assert_eq!(next().await, json!({ "revision": 3, "cover": expected }));
    load_picture(watched_on, &given["cover"]["url"]).await;
    delete(given_on, &host.owner, &event).await;
    assert_eq!(next().await, json!({ "revision": 4, "cover": null }));
}

async fn open_pages_learn_of_a_cover(app: App) {
    assert_learned_of(&app, &app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cover_is_served_and_announced_by_every_server() {
    let app = App::start(Engine::Postgres).await;
    assert_learned_of(&app, &app.start_second_server().await).await;
}

async fn the_page_of_an_event_names_its_cover(app: App) {
    let host = Host::found(&app).await;
    let event = host.event(&app, json!({})).await;
    let page = async || load(&app, &format!("/events/{event}")).await.text().await.unwrap();
    assert!(page().await.contains("/apple-touch-icon.png\" />"));
    let alt = "\"Saal\" <voll>";
    put(&app, &host.owner, &event, alt, jpeg(500, 500)).await;
    let url = format!("{}{}", app.url, cover(&app, &event).await["url"].as_str().unwrap());
    let page = page().await;
    for line in [
        format!("<meta property=\"og:image\" content=\"{url}\" />"),
        "<meta property=\"og:image:alt\" content=\"&quot;Saal&quot; &lt;voll&gt;\" />".to_owned(),
        "<meta name=\"twitter:card\" content=\"summary_large_image\" />".to_owned(),
        format!("\"image\":\"{url}\""),
    ] {
        assert!(page.contains(&line), "{line}\n{page}");
    }
}
