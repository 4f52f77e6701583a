//! Reads tickets with the camera, where the browser finds codes in pictures by itself.

use std::time::Duration;

use futures_timer::Delay;
use js_sys::{Array, Date, Function, JSON, Promise, Reflect};
use leptos::{html, prelude::*, task::spawn_local};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlVideoElement, MediaStream, MediaStreamConstraints, MediaStreamTrack};

use super::checking::Checking;
use crate::organize::codes_in_view::CodesInView;

/// Time between two pictures. Somebody holds a ticket up for a second or two.
const PICTURE_INTERVAL: Duration = Duration::from_millis(150);

#[component]
pub(super) fn Camera(checking: Checking) -> impl IntoView {
    let Some(detector) = Detector::of_browser() else {
        return view! {
            <p class="hint">
                "This browser can't scan codes. Type the reference that is below the code, such as \
                 3QM72-XW43F/1, or search for a name."
            </p>
        }
        .into_any();
    };
    let detector = StoredValue::new_local(detector);
    let video = NodeRef::<html::Video>::new();
    let switch = Switch::new();
    let problem = RwSignal::new(None);
    let toggle = move |_| {
        problem.set(None);
        if switch.is_on_untracked() {
            return switch.turn_off();
        }
        // It is in the page, because the button is.
        let Some(video) = video.get_untracked() else { return };
        let start = switch.turn_on();
        let detector = detector.get_value();
        spawn_local(async move {
            let Some(stream) = open_camera().await else {
                if switch.is_on_since(start) {
                    switch.turn_off();
                    problem.set(Some(
                        "The camera can't be used. Please allow this page to use it, or type the \
                         reference.",
                    ));
                }
                return;
            };
            // While the browser asked for permission, the camera may have been turned off, also by
            // leaving the page, or turned on once more.
            if switch.is_on_since(start) {
                video.set_src_object(Some(&stream));
                // It fails only if the camera was turned off meanwhile.
                let _ = video.play();
                detector.scan(&video, || switch.is_on_since(start), checking).await;
                // A later start may show its own pictures by now.
                if video.src_object().as_ref() == Some(&stream) {
                    video.set_src_object(None);
                }
            }
            for track in stream.get_tracks().iter() {
                track.unchecked_into::<MediaStreamTrack>().stop();
            }
        });
    };
    view! {
        <div class="camera">
            <video
                node_ref=video
                muted
                playsinline
                aria-label="What the camera sees"
                hidden=move || !switch.is_on()
            ></video>
            <button
                type="button"
                class="button button-quiet"
                on:click=toggle
            >
                {move || match switch.is_on() {
                    true => "Turn the camera off",
                    false => "Scan with the camera",
                }}
            </button>
            <p class="problem" role="alert">
                {move || problem.get()}
            </p>
        </div>
    }
    .into_any()
}

/// Whether the camera is wanted. Each start has a number, because the browser may open the camera for
/// an earlier one only after a later one.
#[derive(Clone, Copy)]
struct Switch {
    /// The number of the start that is wanted. `None` while the camera is off.
    wanted: RwSignal<Option<u32>>,
    starts: StoredValue<u32>,
}

impl Switch {
    fn new() -> Self {
        Self { wanted: RwSignal::new(None), starts: StoredValue::new(0) }
    }

    fn is_on(self) -> bool {
        self.wanted.with(Option::is_some)
    }

    fn is_on_untracked(self) -> bool {
        self.wanted.with_untracked(Option::is_some)
    }

    /// Returns the number of this start.
    fn turn_on(self) -> u32 {
        let start = self.starts.get_value() + 1;
        self.starts.set_value(start);
        self.wanted.set(Some(start));
        start
    }

    fn turn_off(self) {
        self.wanted.set(None);
    }

    /// Whether the camera is still on since that start. It is off when the page is gone.
    fn is_on_since(self, start: u32) -> bool {
        self.wanted.try_get_untracked() == Some(Some(start))
    }
}

/// Asks for the camera that looks away from the user. `None` if the user or the browser refuses.
async fn open_camera() -> Option<MediaStream> {
    let navigator = window().navigator();
    // Pages that were not loaded over HTTPS have no camera.
    let devices = Reflect::get(&navigator, &"mediaDevices".into()).ok()?;
    if !devices.is_object() {
        return None;
    }
    let wanted = JSON::parse(r#"{"video":{"facingMode":"environment"},"audio":false}"#).ok()?;
    let wanted: MediaStreamConstraints = wanted.unchecked_into();
    let devices = navigator.media_devices().ok()?;
    let stream = devices.get_user_media_with_constraints(&wanted).ok()?;
    JsFuture::from(stream).await.ok()?.dyn_into().ok()
}

/// The browser's `BarcodeDetector`, which web-sys does not have.
#[derive(Clone)]
struct Detector(JsValue);

impl Detector {
    /// `None` where the browser has none.
    fn of_browser() -> Option<Self> {
        let constructor = Reflect::get(&js_sys::global(), &"BarcodeDetector".into()).ok()?;
        let constructor = constructor.dyn_into::<Function>().ok()?;
        let formats = JSON::parse(r#"{"formats":["qr_code"]}"#).ok()?;
        Reflect::construct(&constructor, &Array::of1(&formats)).ok().map(Self)
    }

    /// Hands the codes that come into view on for as long as `is_on` says so.
    async fn scan(&self, video: &HtmlVideoElement, is_on: impl Fn() -> bool, checking: Checking) {
        let mut view = CodesInView::default();
        while is_on() {
            // It fails as long as the camera has sent no picture.
            let seen = self.codes_in(video).await.unwrap_or_default();
            if !is_on() {
                return;
            }
            let may_take = !checking.is_busy_untracked();
            if let Some(code) = view.look(&seen, Date::now(), may_take) {
                checking.check_in(code);
            }
            Delay::new(PICTURE_INTERVAL).await;
        }
    }

    async fn codes_in(&self, video: &HtmlVideoElement) -> Option<Vec<String>> {
        let detect = Reflect::get(&self.0, &"detect".into()).ok()?.dyn_into::<Function>().ok()?;
        let found = detect.call1(&self.0, video).ok()?.dyn_into::<Promise>().ok()?;
        let found = Array::from(&JsFuture::from(found).await.ok()?);
        let text = |code: JsValue| Reflect::get(&code, &"rawValue".into()).ok()?.as_string();
        Some(found.iter().filter_map(text).collect())
    }
}
