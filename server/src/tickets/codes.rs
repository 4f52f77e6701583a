//! Codes of tickets.
//!
//! A code is 86 bytes: a version, the id of the key that signs, the booking's id, the ticket's
//! number in the booking, and an Ed25519 signature of all that. It is written in the capital letters
//! and digits of base 32, for which a QR code needs less room than for other texts.
//!
//! Ed25519 signs a ticket always in the same way, so a code can be made whenever it is shown, and
//! none is stored. A ticket has no other code: verifying takes one form of each number and of each
//! point, and one text of the bytes.

use std::{fmt, sync::Arc};

use data_encoding::BASE32_NOPAD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rowlock_entities::BookingId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::accounts::{JwtSecret, PurposeKey};

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
/// The version, the key's id, the booking's id and the number.
const SIGNED_BYTES: usize = 1 + KEY_ID_BYTES + 16 + 1;
const SIGNATURE_BYTES: usize = 64;
/// The length of a code: five bits a character.
const CODE_CHARS: usize = ((SIGNED_BYTES + SIGNATURE_BYTES) * 8).div_ceil(5);

/// A ticket: a number of a booking, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TicketNumber {
    pub(crate) booking: BookingId,
    pub(crate) number: u8,
}

/// Signs and verifies the codes of tickets. Clones share the keys.
#[derive(Clone)]
pub struct TicketCodes(Arc<Keys>);

struct Keys {
    signing: Ed25519KeyPair,
    signing_id: [u8; KEY_ID_BYTES],
    /// Whose tickets are accepted, the signing key first.
    accepted: Vec<PublicKey>,
}

struct PublicKey {
    id: [u8; KEY_ID_BYTES],
    key: UnparsedPublicKey<Vec<u8>>,
}

impl TicketCodes {
    /// Codes that `signing` signs. Those that the other secrets signed are accepted, too.
    pub(crate) fn new(signing: &JwtSecret, accepted: impl IntoIterator<Item = JwtSecret>) -> Self {
        let signing = key_pair(signing);
        let others: Vec<Ed25519KeyPair> =
            accepted.into_iter().map(|secret| key_pair(&secret)).collect();
        let signing_id = PublicKey::of(&signing).id;
        let accepted = [&signing].into_iter().chain(&others).map(PublicKey::of).collect();
        Self(Arc::new(Keys { signing, signing_id, accepted }))
    }

    /// Codes that nobody accepts after this process has ended.
    pub(crate) fn random() -> Self {
        Self::new(&JwtSecret::random(), [])
    }

    /// The code of a ticket.
    pub(crate) fn code(&self, ticket: TicketNumber) -> String {
        let TicketNumber { booking, number } = ticket;
        let mut bytes = Vec::with_capacity(SIGNED_BYTES + SIGNATURE_BYTES);
        bytes.push(VERSION);
        bytes.extend(self.0.signing_id);
        bytes.extend(booking.0.as_bytes());
        bytes.push(number);
        let signature = self.0.signing.sign(&bytes);
        bytes.extend(signature.as_ref());
        BASE32_NOPAD.encode(&bytes)
    }

    /// The ticket that has this code, which somebody may have typed in small letters and with blanks
    /// around it. `None` if none of the keys has signed it.
    pub(crate) fn verify(&self, code: &str) -> Option<TicketNumber> {
        let code = code.trim();
        if code.len() != CODE_CHARS {
            return None;
        }
        let bytes = BASE32_NOPAD.decode(code.to_ascii_uppercase().as_bytes()).ok()?;
        let (signed, signature) = bytes.split_at_checked(SIGNED_BYTES)?;
        let (version, rest) = signed.split_first()?;
        let (key_id, rest) = rest.split_at_checked(KEY_ID_BYTES)?;
        let (number, booking) = rest.split_last()?;
        if *version != VERSION {
            return None;
        }
        let mut keys = self.0.accepted.iter().filter(|key| key.id == key_id);
        keys.any(|key| key.key.verify(signed, signature).is_ok()).then_some(())?;
        Some(TicketNumber { booking: Uuid::from_slice(booking).ok()?.into(), number: *number })
    }
}

impl fmt::Debug for TicketCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketCodes(…)")
    }
}

impl PublicKey {
    fn of(pair: &Ed25519KeyPair) -> Self {
        let key = pair.public_key().as_ref().to_vec();
        let hash: [u8; 32] = Sha256::digest(&key).into();
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&hash[..KEY_ID_BYTES]);
        Self { id, key: UnparsedPublicKey::new(&ED25519, key) }
    }
}

/// The key that a secret stands for. No other purpose has the same.
#[expect(clippy::expect_used, reason = "every 32 bytes are the seed of a key")]
fn key_pair(secret: &JwtSecret) -> Ed25519KeyPair {
    let seed = PurposeKey::new(&secret.clone().into(), "codes of tickets").code(b"Ed25519 seed");
    Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed of 32 bytes")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(text: &str) -> JwtSecret {
        text.repeat(32).parse().unwrap()
    }

    fn ticket() -> TicketNumber {
        let booking = BookingId("01990000-0000-7000-8000-fedcba987654".parse().unwrap());
        TicketNumber { booking, number: 3 }
    }

    /// A code whose bytes are changed, signed by the first test secret.
    fn changed(code: &str, change: impl FnOnce(&mut [u8])) -> String {
        let mut bytes = BASE32_NOPAD.decode(code.as_bytes()).unwrap();
        change(&mut bytes);
        BASE32_NOPAD.encode(&bytes)
    }

    #[test]
    fn a_code_is_always_the_same_and_names_its_ticket() {
        let codes = TicketCodes::new(&secret("a"), []);
        let code = codes.code(ticket());
        assert_eq!(code.len(), CODE_CHARS);
        assert!(code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()), "{code}");
        assert_eq!(codes.verify(&code), Some(ticket()));
        assert_eq!(TicketCodes::new(&secret("a"), []).code(ticket()), code);
        // Tickets that are printed must stay good in later versions.
        assert_eq!(
            code,
            "AHLYNVFLAGMQAAAAABYABAAA73OLVGDWKQBTNQCPVW4KDJQ663ZIC2XRGYXIRLQF5WVFTKEQZO3INK6H6B\
             QSIIQPZXHHCQNNAVU72REZB62HZGPECJE7UTYEEHCDW5KD2TOBY5ZDBY"
        );
        for typed in [code.to_lowercase(), format!(" {code}\n")] {
            assert_eq!(codes.verify(&typed), Some(ticket()), "{typed:?}");
        }
    }

    #[test]
    fn no_other_text_is_a_code() {
        let codes = TicketCodes::new(&secret("a"), []);
        let code = codes.code(ticket());
        let (start, end) = code.split_at(70);
        for other in [
            String::new(),
            start.to_owned(),
            code[1..].to_owned(),
            format!("{code}A"),
            format!("{code}======"),
            format!("{start} {end}"),
            format!("{start}-{end}"),
            // The last character has two bits that no byte needs.
            format!("{}{}", &code[..CODE_CHARS - 1], next_letter(&code)),
            // The long s is a small S to some.
            code.replace('S', "ſ").replace('K', "\u{212a}"),
            "A".repeat(CODE_CHARS),
        ] {
            if other != code {
                assert_eq!(codes.verify(&other), None, "{other:?}");
            }
        }
    }

    /// The character after the code's last one in the alphabet, which differs in a bit that must
    /// be zero.
    fn next_letter(code: &str) -> char {
        const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let last = code.chars().last().unwrap();
        let place = ALPHABET.find(last).unwrap();
        assert_eq!(place % 4, 0, "the last two bits are zero");
        ALPHABET.chars().nth(place + 1).unwrap()
    }

    #[test]
    fn a_code_of_another_version_or_key_is_refused() {
        let (codes, others) =
            (TicketCodes::new(&secret("a"), []), TicketCodes::new(&secret("b"), []));
        let code = codes.code(ticket());
        assert_eq!(others.verify(&code), None);
        // The same key could sign another version, which has another meaning.
        let signed_again = changed(&code, |bytes| {
            bytes[0] = VERSION + 1;
            let signature = codes.0.signing.sign(&bytes[..SIGNED_BYTES]);
            bytes[SIGNED_BYTES..].copy_from_slice(signature.as_ref());
        });
        assert_eq!(codes.verify(&signed_again), None);
        // A signature by a key that has another id.
        let other_key = changed(&code, |bytes| {
            let signature = others.0.signing.sign(&bytes[..SIGNED_BYTES]);
            bytes[SIGNED_BYTES..].copy_from_slice(signature.as_ref());
        });
        assert_eq!(codes.verify(&other_key), None);
    }

    /// The order of the group, as little-endian bytes. Some libraries take a signature's second half
    /// plus this for the same signature.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];

    #[test]
    fn a_signature_has_no_second_form() {
        let codes = TicketCodes::new(&secret("a"), []);
        let second = changed(&codes.code(ticket()), |bytes| {
            let mut carry = 0;
            for (byte, more) in bytes[SIGNED_BYTES + 32..].iter_mut().zip(ORDER) {
                let sum = u16::from(*byte) + u16::from(more) + carry;
                *byte = sum.to_le_bytes()[0];
                carry = sum >> 8;
            }
            assert_eq!(carry, 0);
        });
        assert_eq!(codes.verify(&second), None);
    }

    #[test]
    fn tickets_stay_good_while_a_secret_is_replaced() {
        let [old, new] = [secret("a"), secret("b")];
        let before = TicketCodes::new(&old, []).code(ticket());
        let prepared = TicketCodes::new(&old, [new.clone()]);
        let swapped = TicketCodes::new(&new, [old]);
        let replaced = TicketCodes::new(&new, []);
        assert_eq!(prepared.code(ticket()), before);
        for codes in [&prepared, &swapped] {
            assert_eq!(codes.verify(&before), Some(ticket()));
            assert_eq!(codes.verify(&replaced.code(ticket())), Some(ticket()));
        }
        assert_eq!(replaced.verify(&before), None);
        assert_eq!(format!("{swapped:?}"), "TicketCodes(…)");
    }

    proptest! {
        #[test]
        fn no_changed_bit_is_accepted(
            booking in any::<u128>(),
            number in 1..=10_u8,
            bit in 0..(SIGNED_BYTES + SIGNATURE_BYTES) * 8,
        ) {
            let codes = TicketCodes::new(&secret("a"), [secret("b")]);
            let ticket = TicketNumber { booking: BookingId(Uuid::from_u128(booking)), number };
            let code = codes.code(ticket);
            prop_assert_eq!(codes.verify(&code), Some(ticket));
            let forged = changed(&code, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            prop_assert_eq!(codes.verify(&forged), None);
        }

        #[test]
        fn no_text_breaks_it(text in any::<String>()) {
            let codes = TicketCodes::new(&secret("a"), []);
            prop_assert_eq!(codes.verify(&text), None);
        }
    }
}
