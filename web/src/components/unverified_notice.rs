//! Reminds somebody quietly that their address is not confirmed.

use leptos::prelude::*;

use super::send_again_button::SendAgainButton;

#[component]
pub(crate) fn UnverifiedNotice(
    /// The address, while it is not confirmed.
    email: Memo<Option<String>>,
) -> impl IntoView {
    let address = Signal::derive(move || email.get().unwrap_or_default());
    view! {
        <Show when=move || email.with(Option::is_some)>
            <div class="quiet-notice">
                <p>
                    "Please confirm your address: open the link in the mail that we have sent to "
                    <strong>{address}</strong> "."
                </p>
                <SendAgainButton email=address />
            </div>
        </Show>
    }
}
