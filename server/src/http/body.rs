//! Reads a request's body.

use axum::body::{Body, Bytes, HttpBody};
use futures_util::StreamExt;

use crate::limits::{HeldBytes, Hold, HoldsTooMuch};

/// The reason why a body was not read.
#[derive(Debug)]
pub(super) enum BodyError {
    TooLarge,
    HoldsTooMuch(HoldsTooMuch),
    /// The connection broke, or the client sent less than it announced.
    Incomplete,
}

/// Reads a body of at most `max_bytes`. Its bytes are held for as long as the result.
///
/// They are copied into one place as they arrive, because each chunk keeps a whole buffer, however
/// few bytes it has.
pub(super) async fn read(
    body: Body,
    max_bytes: usize,
    held: &HeldBytes,
) -> Result<(Bytes, Hold), BodyError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max_bytes {
        return Err(BodyError::TooLarge);
    }
    let mut hold = held.hold(0).map_err(BodyError::HoldsTooMuch)?;
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyError::Incomplete)?;
        if bytes.len() + chunk.len() > max_bytes {
            return Err(BodyError::TooLarge);
        }
        if bytes.is_empty() && chunk.len() == announced {
            // The whole body came with its head, as almost always.
            hold.grow_to(announced).map_err(BodyError::HoldsTooMuch)?;
            return Ok((chunk, hold));
        }
        if bytes.len() + chunk.len() > bytes.capacity() {
            let doubled = (2 * bytes.capacity()).min(max_bytes);
            let capacity = doubled.max(bytes.len() + chunk.len());
            hold.grow_to(capacity).map_err(BodyError::HoldsTooMuch)?;
            bytes.reserve_exact(capacity - bytes.len());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes.into(), hold))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    fn in_chunks(chunks: &[&'static str]) -> Body {
        let chunks =
            chunks.iter().map(|chunk| Ok::<_, Infallible>(Bytes::from_static(chunk.as_bytes())));
        Body::from_stream(stream::iter(chunks.collect::<Vec<_>>()))
    }

    #[tokio::test]
    async fn chunks_become_one_body() {
        let held = HeldBytes::new(1_000);
        let (bytes, _hold) = read(in_chunks(&["ab", "", "c"]), 3, &held).await.unwrap();
        assert_eq!(bytes, "abc");
        assert!(held.hold(998).is_err());
        let (whole, _hold) = read(Body::from("abc"), 3, &held).await.unwrap();
        // Nothing is reserved beyond the largest body.
        let exact = HeldBytes::new(5);
        assert_eq!(read(in_chunks(&["abc", "de"]), 5, &exact).await.unwrap().0, "abcde");
        assert_eq!(whole, "abc");
        assert_eq!(read(Body::empty(), 3, &held).await.unwrap().0, "");
    }

    #[tokio::test]
    async fn a_body_beyond_a_limit_is_not_read() {
        let held = HeldBytes::new(10);
        for body in [Body::from("abcd"), in_chunks(&["abc", "d"])] {
            assert!(matches!(read(body, 3, &held).await, Err(BodyError::TooLarge)));
        }
        for body in [Body::from("0123456789a"), in_chunks(&["01234567", "89", "a"])] {
            assert!(matches!(read(body, 30, &held).await, Err(BodyError::HoldsTooMuch(_))));
        }
    }
}
