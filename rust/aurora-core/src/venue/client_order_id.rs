//! The client's name for an order, as the venue accepts it.

use serde::{Deserialize, Serialize};

/// `^[.A-Z:/a-z0-9_-]{1,36}$`, the pattern of Binance for `newClientOrderId` and `clientAlgoId`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientOrderId {
    // Serde knows arrays up to 32, so the 36 bytes are two.
    head: [u8; 32],
    tail: [u8; 4],
    length: u8,
}

impl ClientOrderId {
    /// None for a text that breaks the pattern.
    pub fn parse(text: &str) -> Option<ClientOrderId> {
        let bytes = text.as_bytes();
        let known = |byte: &u8| byte.is_ascii_alphanumeric() || b".:/_-".contains(byte);
        if bytes.is_empty() || bytes.len() > 36 || !bytes.iter().all(known) {
            return None;
        }
        let mut id = ClientOrderId {
            head: [0; 32],
            tail: [0; 4],
            length: bytes.len() as u8,
        };
        for (slot, byte) in id.head.iter_mut().chain(&mut id.tail).zip(bytes) {
            *slot = *byte;
        }
        Some(id)
    }

    /// An id of the venue's own making: a prefix and a number.
    pub(super) fn made(prefix: &str, number: u64) -> ClientOrderId {
        let text = format!("{prefix}{number}");
        ClientOrderId::parse(&text).unwrap_or(ClientOrderId {
            head: [b'x'; 32],
            tail: [0; 4],
            length: 32,
        })
    }

    /// Whether only the venue may make such an id: liquidations and settlements.
    pub fn is_reserved(&self) -> bool {
        let text = self.to_string();
        ["autoclose-", "adl_autoclose", "settlement_autoclose-"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
    }
}

impl std::fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.head.iter().chain(&self.tail);
        bytes
            .take(usize::from(self.length))
            .try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

impl std::fmt::Debug for ClientOrderId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_pattern_of_the_exchange() {
        let longest = "abcdefghijklmnopqrstuvwxyz.:/_-AZ019";
        assert_eq!(longest.len(), 36);
        for good in ["a", longest] {
            assert_eq!(ClientOrderId::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "a b",
            "ä",
            "abcdefghijklmnopqrstuvwxyz.:/_-AZ0190",
            "a+b",
        ] {
            assert_eq!(ClientOrderId::parse(bad), None, "{bad}");
        }
        assert!(ClientOrderId::parse("autoclose-7").unwrap().is_reserved());
    }
}
