//! A forward-only reader of JSON text that copies nothing.

use memchr::{memchr, memmem};

use super::{WireError, WireFault};

/// A JSON value as it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raw<'a> {
    /// Content between the quotes (escapes untouched).
    Text(&'a [u8]),
    /// From `[` to `]`, brackets included, and the offset of the `[`.
    Array(&'a [u8], usize),
    /// A number, `true`, `false` or `null`.
    Word(&'a [u8]),
    Object,
}

/// The unsigned number that `raw` is, bare or between quotes.
#[inline]
pub fn unsigned(raw: Raw<'_>) -> Option<u64> {
    let text = match raw {
        Raw::Word(text) | Raw::Text(text) => text,
        _ => return None,
    };
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The whole number with sign that `raw` is, bare or between quotes.
pub fn signed(raw: Raw<'_>) -> Option<i64> {
    let unsigned = |raw| unsigned(raw).and_then(|value| i64::try_from(value).ok());
    match raw {
        Raw::Word([b'-', digits @ ..]) | Raw::Text([b'-', digits @ ..]) => {
            unsigned(Raw::Word(digits)).map(|value| -value)
        }
        _ => unsigned(raw),
    }
}

/// The content of the string that `raw` is.
#[inline]
pub fn text(raw: Raw<'_>) -> Option<&[u8]> {
    match raw {
        Raw::Text(text) => Some(text),
        _ => None,
    }
}

pub struct Cursor<'a> {
    text: &'a [u8],
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a [u8], at: usize) -> Self {
        Cursor { text, at }
    }

    pub fn fail(&self, expected: &'static str) -> WireError {
        if self.at >= self.text.len() {
            return WireError {
                byte: self.at,
                fault: WireFault::EndsEarly,
            };
        }
        WireError {
            byte: self.at,
            fault: WireFault::Expected { expected },
        }
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    /// The next byte that is no space, without taking it.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.get(self.at).copied()
    }

    /// Takes `byte` if it comes next.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[inline]
    pub fn string(&mut self) -> Result<&'a [u8], WireError> {
        if !self.take(b'"') {
            return Err(self.fail("a string"));
        }
        let start = self.at;
        loop {
            match self.text.get(self.at..).and_then(|rest| memchr(b'"', rest)) {
                None => {
                    self.at = self.text.len();
                    return Err(self.fail("the end of a string"));
                }
                Some(offset) => {
                    self.at += offset + 1;
                    let end = self.at - 1;
                    let escapes = self.text[start..end]
                        .iter()
                        .rev()
                        .take_while(|b| **b == b'\\')
                        .count();
                    if escapes % 2 == 0 {
                        return Ok(&self.text[start..end]);
                    }
                }
            }
        }
    }

    /// Takes any value; nested objects are passed over whole unless the caller enters them itself.
    #[inline]
    pub fn value(&mut self) -> Result<Raw<'a>, WireError> {
        match self.peek() {
            Some(b'"') => Ok(Raw::Text(self.string()?)),
            Some(b'[') => {
                let start = self.at;
                self.skip_array()?;
                Ok(Raw::Array(&self.text[start..self.at], start))
            }
            Some(b'{') => {
                self.skip_nested()?;
                Ok(Raw::Object)
            }
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                let start = self.at;
                while let Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E') =
                    self.text.get(self.at)
                {
                    self.at += 1;
                }
                Ok(Raw::Word(&self.text[start..self.at]))
            }
            _ => Err(self.fail("a value")),
        }
    }

    /// Takes the object that comes next: `field` is called with each key and takes its value.
    pub fn object(
        &mut self,
        mut field: impl FnMut(&'a [u8], &mut Self) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        if !self.take(b'{') {
            return Err(self.fail("an object"));
        }
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            if !self.take(b':') {
                return Err(self.fail("a colon"));
            }
            field(key, self)?;
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.fail("a comma or the end of an object"));
            }
        }
    }

    /// Takes the array that comes next: `element` is called before each element and takes it.
    pub fn elements(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        if !self.take(b'[') {
            return Err(self.fail("an array"));
        }
        if self.take(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.fail("a comma or the end of an array"));
            }
        }
    }

    /// Takes a value of which `read` makes something, or says where it is not what was `expected`.
    pub fn read<T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(Raw<'a>) -> Option<T>,
    ) -> Result<T, WireError> {
        self.skip_space();
        let byte = self.at;
        read(self.value()?).ok_or(WireError {
            byte,
            fault: WireFault::Expected { expected },
        })
    }

    /// Takes an unsigned number, bare or between quotes.
    pub fn unsigned(&mut self) -> Result<u64, WireError> {
        self.read("an unsigned number", unsigned)
    }

    /// Takes a time in ms, bare or between quotes, as ns.
    pub fn milliseconds(&mut self) -> Result<i64, WireError> {
        self.read("a time in ms", |raw| signed(raw)?.checked_mul(1_000_000))
    }

    /// Takes a string.
    pub fn text(&mut self) -> Result<&'a [u8], WireError> {
        self.read("a string", text)
    }

    /// Takes the text of a number, bare or between quotes.
    pub fn number(&mut self) -> Result<&'a [u8], WireError> {
        self.read("a number", |raw| match raw {
            Raw::Word(text) | Raw::Text(text) => Some(text),
            _ => None,
        })
    }

    /// Passes a value over.
    pub fn pass(&mut self) -> Result<(), WireError> {
        self.value().map(|_| ())
    }

    /// Answers an error when anything but space is left.
    pub fn end(&mut self) -> Result<(), WireError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fail("the end of the line")),
        }
    }

    /// Price levels are arrays of arrays, closed by the first `]]`; anything else is counted bracket by bracket.
    fn skip_array(&mut self) -> Result<(), WireError> {
        let rest = &self.text[self.at..];
        if rest.starts_with(b"[[\"") {
            if let Some(end) = memmem::find(rest, b"\"]]") {
                self.at += end + 3;
                return Ok(());
            }
        }
        self.skip_nested()
    }

    fn skip_nested(&mut self) -> Result<(), WireError> {
        let mut depth = 0usize;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(b'[' | b'{') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b']' | b'}') => {
                    depth -= 1;
                    self.at += 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                Some(_) => self.at += 1,
                None => return Err(self.fail("the end of an array or object")),
            }
        }
    }
}
