//! Reads tickets with the camera, where the browser finds codes in pictures by itself.

use std::time::Duration;

use futures_timer::Delay;
use js_sys::{Array, Date, Function, JSON, Promise, Reflect};
use leptos::{html, prelude::*, task::spawn_local};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlVideoElement, MediaStream, MediaStreamConstraints, MediaStreamTrack};

use super::{action::Action, checking::Checking};
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
    let is_on = RwSignal::new(false);
    let problem = RwSignal::new(None);
    let toggle = move |_| {
        problem.set(None);
        is_on.update(|is_on| *is_on = !*is_on);
        if !is_on.get_untracked() {
            return;
        }
        spawn_local(async move {
            let (Some(video), Some(stream)) = (video.get_untracked(), open_camera().await) else {
                is_on.try_set(false);
                problem.try_set(Some(
                    "The camera can't be used. Please allow this page to use it, or type the \
                     reference.",
                ));
                return;
            };
            video.set_src_object(Some(&stream));
            // It fails only if the camera was turned off meanwhile.
            let _ = video.play();
            detector.get_value().scan(&video, is_on, checking).await;
            video.set_src_object(None);
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
                hidden=move || !is_on.get()
            ></video>
            <button
                type="button"
                class="button button-quiet"
                on:click=toggle
            >
                {move || match is_on.get() {
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

    /// Hands the codes that come into view on until the camera is turned off or the page is gone.
    async fn scan(&self, video: &HtmlVideoElement, is_on: RwSignal<bool>, checking: Checking) {
        let mut view = CodesInView::default();
        while is_on.try_get_untracked() == Some(true) {
            // It fails as long as the camera has sent no picture.
            let seen = self.codes_in(video).await.unwrap_or_default();
            if is_on.try_get_untracked() != Some(true) {
                return;
            }
            let may_take = !checking.is_busy_untracked();
            if let Some(code) = view.look(&seen, Date::now(), may_take) {
                checking.start(Action::CheckIn, code);
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
