//! The trace that a request is a part of, if its client says so in the headers of W3C Trace Context:
//! <https://www.w3.org/TR/trace-context/>.

use axum::http::{HeaderMap, HeaderName};
use futures_util::future::Either;
use opentelemetry::{
    Context,
    context::FutureExt,
    global,
    propagation::Extractor,
    trace::{TraceContextExt, get_active_span},
};

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");
/// Length of the header's fields that every version has.
const TRACE_PARENT_LEN: usize = 55;

/// The client's span, whose children are the request's spans.
#[derive(Clone, Debug)]
pub(super) struct TraceParent(Option<Context>);

impl TraceParent {
    /// Reads the headers, unless no traces are sent. Headers that are not valid are ignored.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(TRACE_PARENT).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return Self(None) };
        if !is_trace_parent(line.as_bytes()) {
            return Self(None);
        }
        let state = headers.get_all(TRACE_STATE).iter().map(|line| line.to_str());
        let fields = Fields {
            parent: line.to_str().unwrap_or_default(),
            // A list can come in several lines. A part of one would be no use.
            state: state.collect::<Result<Vec<_>, _>>().unwrap_or_default().join(","),
        };
        let context = global::get_text_map_propagator(|w3c| {
            w3c.extract_with_context(&Context::new(), &fields)
        });
        let is_remote = context.span().span_context().is_valid();
        Self(is_remote.then_some(context))
    }

    /// Runs the request's work as a part of the trace.
    ///
    /// An async function would hold the work twice, and each request is moved several times.
    pub(super) fn run<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        match self.0 {
            Some(context) => Either::Left(work.with_context(context)),
            None => Either::Right(work),
        }
    }
}

/// Whether the current work is a part of a client's trace that is recorded.
pub(super) fn is_recorded() -> bool {
    get_active_span(|span| span.span_context().is_sampled())
}

struct Fields<'a> {
    parent: &'a str,
    state: String,
}

impl Extractor for Fields<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        match name {
            "traceparent" => Some(self.parent),
            "tracestate" => Some(&self.state),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

/// Whether a header has the exact form. The library also takes shorter ids, and signs.
fn is_trace_parent(line: &[u8]) -> bool {
    let Some((fields, rest)) = line.split_at_checked(TRACE_PARENT_LEN) else { return false };
    let lengths = fields.split(|byte| *byte == b'-').map(<[u8]>::len);
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    let may_go_on = match &fields[..2] {
        b"00" => rest.is_empty(),
        b"ff" => false,
        _ => rest.is_empty() || rest.starts_with(b"-"),
    };
    lengths.eq([2, 32, 16, 2]) && fields.iter().all(is_hex) && may_go_on
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_form_is_read() {
        const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_trace_parent(GOOD.as_bytes()));
        let later = GOOD.replacen("00", "cc", 1);
        for line in [later.clone(), format!("{later}-what-comes"), GOOD.replace("-01", "-ff")] {
            assert!(is_trace_parent(line.as_bytes()), "{line}");
        }
        for line in [
            String::new(),
            "00-ab-cd-01".to_owned(),
            GOOD.to_uppercase(),
            GOOD[..54].to_owned(),
            format!("{GOOD}-"),
            format!("{GOOD}-x"),
            format!("{later}x"),
            GOOD.replacen("00", "ff", 1),
            GOOD.replacen("00", "0x", 1),
            GOOD.replacen("4b", "4-", 1),
            GOOD.replacen("4b", "+b", 1),
        ] {
            assert!(!is_trace_parent(line.as_bytes()), "{line}");
        }
    }
}
