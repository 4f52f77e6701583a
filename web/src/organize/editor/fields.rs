//! The fields of an event's form.

use leptos::{either::Either, prelude::*};

use super::form_state::{FormState, input_id};
use crate::organize::{
    currencies,
    event_form::EventField::{
        self, City, Currency, Description, EndsAt, MaxPerBooking, Price, SalesEndAt, SalesStartAt,
        StartsAt, TimeZone, Title, TotalTickets, Venue,
    },
    form_check::is_repeated,
    zones::{all_zones, offset},
};

#[component]
pub(crate) fn EventFields(state: FormState) -> impl IntoView {
    view! {
        <fieldset class="panel fields">
            <legend>"What and where"</legend>
            <TextField state field=Title required=true />
            <DescriptionField state />
            <div class="field-row">
                <TextField state field=Venue required=true />
                <TextField state field=City />
            </div>
        </fieldset>
        <fieldset class="panel fields">
            <legend>"When"</legend>
            <p class="hint">"All times are those of the event's time zone."</p>
            <ZoneField state />
            <div class="field-row">
                <TimeField state field=StartsAt required=true />
                <TimeField state field=EndsAt hint="May be left open." />
            </div>
        </fieldset>
        <fieldset class="panel fields">
            <legend>"Tickets"</legend>
            <div class="field-row">
                <TextField
                    state
                    field=Price
                    required=true
                    inputmode="decimal"
                    hint="0 if the tickets are free."
                />
                <CurrencyField state />
            </div>
            <div class="field-row">
                <TextField state field=TotalTickets required=true inputmode="numeric" />
                <TextField
                    state
                    field=MaxPerBooking
                    required=true
                    inputmode="numeric"
                    hint="From 1 to 10."
                />
            </div>
            <div class="field-row">
                <TimeField
                    state
                    field=SalesStartAt
                    hint="Without it, when the event is published."
                />
                <TimeField state field=SalesEndAt hint="Without it, when the event starts." />
            </div>
        </fieldset>
    }
}

/// The label of a field, its help, and its problem.
#[component]
fn FieldFrame(
    state: FormState,
    field: EventField,
    #[prop(into)] hint: Signal<String>,
    children: Children,
) -> impl IntoView {
    let id = input_id(field);
    view! {
        <div class="field">
            <label for=id.clone()>{field.label()}</label>
            {children()}
            <p class="hint" id=format!("{id}-hint")>
                {hint}
            </p>
            <p class="problem" id=format!("{id}-problem") aria-live="polite">
                {move || state.problem(field)}
            </p>
        </div>
    }
}

/// The ids of what describes a field.
fn described_by(field: EventField) -> String {
    let id = input_id(field);
    format!("{id}-hint {id}-problem")
}

fn is_invalid(state: FormState, field: EventField) -> Memo<bool> {
    Memo::new(move |_| state.problem(field).is_some())
}

#[component]
fn TextField(
    state: FormState,
    field: EventField,
    #[prop(optional)] required: bool,
    #[prop(optional)] inputmode: &'static str,
    #[prop(optional)] hint: &'static str,
) -> impl IntoView {
    let is_invalid = is_invalid(state, field);
    let text = state.text(field);
    view! {
        <FieldFrame state field hint=hint.to_owned()>
            <input
                id=input_id(field)
                name=field.name()
                type="text"
                inputmode=(!inputmode.is_empty()).then_some(inputmode)
                autocomplete="off"
                required=required
                aria-invalid=move || is_invalid.get().to_string()
                aria-describedby=described_by(field)
                prop:value=move || text.get()
                on:input=move |event| state.type_in(field, event_target_value(&event))
                on:blur=move |_| state.touch(field)
            />
        </FieldFrame>
    }
}

#[component]
fn DescriptionField(state: FormState) -> impl IntoView {
    let field = Description;
    let is_invalid = is_invalid(state, field);
    let text = state.text(field);
    let hint = "Plain text. Line breaks are kept.".to_owned();
    view! {
        <FieldFrame state field hint>
            <textarea
                id=input_id(field)
                name=field.name()
                rows="6"
                aria-invalid=move || is_invalid.get().to_string()
                aria-describedby=described_by(field)
                prop:value=move || text.get()
                on:input=move |event| state.type_in(field, event_target_value(&event))
                on:blur=move |_| state.touch(field)
            ></textarea>
        </FieldFrame>
    }
}

/// A time on the clocks of the event's zone.
#[component]
fn TimeField(
    state: FormState,
    field: EventField,
    #[prop(optional)] required: bool,
    #[prop(optional)] hint: &'static str,
) -> impl IntoView {
    let is_invalid = is_invalid(state, field);
    let text = state.text(field);
    let hint = Signal::derive(move || match is_repeated(&state.form(), field, &offset) {
        true => {
            "The clocks are set back then, so this time comes twice. The first is meant.".to_owned()
        }
        false => hint.to_owned(),
    });
    view! {
        <FieldFrame state field hint>
            <input
                id=input_id(field)
                name=field.name()
                type="datetime-local"
                required=required
                aria-invalid=move || is_invalid.get().to_string()
                aria-describedby=described_by(field)
                prop:value=move || text.get()
                on:input=move |event| state.type_in(field, event_target_value(&event))
                on:blur=move |_| state.touch(field)
            />
        </FieldFrame>
    }
}

/// A field that suggests all zones while one types a part of a name.
#[component]
fn ZoneField(state: FormState) -> impl IntoView {
    let field = TimeZone;
    let is_invalid = is_invalid(state, field);
    let text = state.text(field);
    let zones = all_zones().into_iter().map(|zone| view! { <option value=zone></option> });
    let hint = "Type a part of the name, such as a city, to find another one.".to_owned();
    view! {
        <FieldFrame state field hint>
            <input
                id=input_id(field)
                name=field.name()
                type="text"
                list="zones"
                autocomplete="off"
                spellcheck="false"
                required
                aria-invalid=move || is_invalid.get().to_string()
                aria-describedby=described_by(field)
                prop:value=move || text.get()
                on:input=move |event| state.type_in(field, event_target_value(&event))
                on:blur=move |_| state.touch(field)
            />
            <datalist id="zones">{zones.collect_view()}</datalist>
        </FieldFrame>
    }
}

#[component]
fn CurrencyField(state: FormState) -> impl IntoView {
    let field = Currency;
    let is_invalid = is_invalid(state, field);
    let text = state.text(field);
    let option = move |code: &str| {
        let code = code.to_owned();
        let selected = text.with_untracked(|text| *text == code);
        let value = code.clone();
        view! {
            <option value=value selected=selected>
                {code}
            </option>
        }
    };
    let others = currencies::ALL.split_whitespace();
    let others = others.filter(|code| !currencies::COMMON.contains(code));
    // A currency that this client does not know stays as it is.
    let own = text.get_untracked();
    let unknown = match currencies::ALL.contains(&own) {
        true => Either::Left(()),
        false => Either::Right(option(&own)),
    };
    view! {
        <FieldFrame state field hint=String::new()>
            <select
                id=input_id(field)
                name=field.name()
                aria-invalid=move || is_invalid.get().to_string()
                aria-describedby=described_by(field)
                prop:value=move || text.get()
                on:change=move |event| state.type_in(field, event_target_value(&event))
            >
                <optgroup label="Often used">
                    {unknown} {currencies::COMMON.map(option).collect_view()}
                </optgroup>
                <optgroup label="All others">{others.map(option).collect_view()}</optgroup>
            </select>
        </FieldFrame>
    }
}
