//! Links to the numbered pages of a list.

use leptos::prelude::*;

use super::icons::{Back, Forward};
use crate::{
    browser::number,
    event_list::{ListParams, page_numbers},
};

#[component]
pub(crate) fn Pager(params: ListParams, pages: i32) -> impl IntoView {
    let current = params.page;
    let link = move |page: i32| params.with_page(page).path();
    let step = |to: i32, label: &'static str, icon: AnyView| {
        let is_page = (1..=pages).contains(&to);
        match is_page {
            true => {
                view! { <a class="page-link" href=link(to) aria-label=label>{icon}</a> }.into_any()
            }
            false => view! { <span class="page-link off">{icon}</span> }.into_any(),
        }
    };
    let previous = step(current.saturating_sub(1), "Previous page", Back().into_any());
    let next = step(current.saturating_add(1), "Next page", Forward().into_any());
    let numbers = page_numbers(current, pages)
        .into_iter()
        .map(|page| match page {
            None => view! { <li><span class="page-gap">"…"</span></li> }.into_any(),
            Some(page) => {
                let current = (page == current).then_some("page");
                view! {
                    <li>
                        <a
                            class="page-link"
                            href=link(page)
                            aria-label=format!("Page {}", number(page))
                            aria-current=current
                        >
                            {number(page)}
                        </a>
                    </li>
                }
                .into_any()
            }
        })
        .collect_view();
    view! {
        <nav class="pager" aria-label="Pages">
            {previous} <ul>{numbers}</ul> {next}
        </nav>
    }
}
