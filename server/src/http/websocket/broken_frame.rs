//! Names the fault of a frame that can't be read, in the close codes of RFC 6455.

use axum::{Error, extract::ws::CloseFrame};
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as FrameError, ProtocolError};

use super::close::{close, code};

/// The frame to close a socket with after reading from it has failed. Returns `None` if the
/// connection is gone.
pub(super) fn close_after(error: Error) -> Option<CloseFrame> {
    let error = error.into_inner();
    let (code, reason) = match error.downcast_ref::<FrameError>()? {
        FrameError::Capacity(CapacityError::MessageTooLong { max_size, .. }) => {
            (code::TOO_LARGE, format!("The message has more than {max_size} bytes"))
        }
        FrameError::Utf8(_) => (code::NOT_UTF_8, "The text is not UTF-8".to_owned()),
        FrameError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return None,
        FrameError::Protocol(error) => (code::PROTOCOL_ERROR, broken_rule(error).to_owned()),
        _ => return None,
    };
    Some(close(code, &reason))
}

fn broken_rule(error: &ProtocolError) -> &'static str {
    match error {
        ProtocolError::NonZeroReservedBits => "A reserved bit of the frame is set",
        ProtocolError::UnmaskedFrameFromClient => "The frame is not masked",
        ProtocolError::FragmentedControlFrame => "The control frame is fragmented",
        ProtocolError::ControlFrameTooBig => "The control frame has more than 125 bytes",
        ProtocolError::InvalidOpcode(_)
        | ProtocolError::UnknownControlFrameType(_)
        | ProtocolError::UnknownDataFrameType(_) => "The frame has a reserved opcode",
        ProtocolError::UnexpectedContinueFrame => "There is no message that the frame continues",
        ProtocolError::ExpectedFragment(_) => "The message before has not ended",
        ProtocolError::InvalidCloseSequence => "The close frame has no complete code",
        _ => "The frame is malformed",
    }
}
