//! The header of a numpy array file, as far as event arrays of hftbacktest need it.

use std::io::{Error, ErrorKind, Read};

/// How the file of an array begins.
pub const SIGNATURE: &[u8] = b"\x93NUMPY";
/// hftbacktest's `event_dtype` as numpy writes it, without spaces.
const EVENT_DTYPE: &str =
    "[('ev','<u8'),('exch_ts','<i8'),('local_ts','<i8'),('px','<f8'),('qty','<f8'),\
                           ('order_id','<u8'),('ival','<i8'),('fval','<f8')]";
/// Bytes of an event.
pub const EVENT_SIZE: usize = 64;
/// The header of an event array has some two hundred bytes.
const LONGEST_HEADER: usize = 1 << 16;
/// How much of another array's type is told.
const SHOWN_CHARACTERS: usize = 500;

/// Reads the header of an array of events; answers how many there are.
///
/// # Errors
/// [`ErrorKind::InvalidData`] with a sentence for an array of anything else, any other kind for a file that
/// breaks off.
pub fn read_event_header(input: &mut impl Read) -> std::io::Result<u64> {
    let refuse = |what: String| Error::new(ErrorKind::InvalidData, what);
    let mut start = [0u8; 8];
    input.read_exact(&mut start)?;
    if !start.starts_with(SIGNATURE) {
        return Err(refuse("no numpy array".into()));
    }
    let length = match start[6] {
        1 => {
            let mut bytes = [0; 2];
            input.read_exact(&mut bytes)?;
            usize::from(u16::from_le_bytes(bytes))
        }
        2 | 3 => {
            let mut bytes = [0; 4];
            input.read_exact(&mut bytes)?;
            u32::from_le_bytes(bytes) as usize
        }
        version => {
            return Err(refuse(format!(
                "numpy format {version} is not read; save it with a current numpy"
            )))
        }
    };
    if length > LONGEST_HEADER {
        return Err(refuse("the numpy header is too long".into()));
    }
    let mut header = vec![0; length];
    input.read_exact(&mut header)?;
    let text: String = String::from_utf8_lossy(&header)
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    let dtype = text
        .strip_prefix("{'descr':")
        .and_then(|rest| rest.split_once(",'fortran_order':"))
        .ok_or_else(|| refuse("the numpy header is malformed".into()))?;
    let (dtype, rest) = dtype;
    if dtype != EVENT_DTYPE {
        return Err(refuse(format!(
            "an array of {}; hftbacktest's events are {EVENT_DTYPE}",
            dtype.chars().take(SHOWN_CHARACTERS).collect::<String>()
        )));
    }
    rest.split_once(",'shape':(")
        .and_then(|(_, shape)| shape.split_once(",)"))
        .and_then(|(rows, _)| rows.parse().ok())
        .ok_or_else(|| refuse("the array has more than one dimension".into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn file(version: u8, header: &str) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        bytes.extend(header.as_bytes());
        bytes
    }

    const EVENTS: &str =
        "{'descr': [('ev', '<u8'), ('exch_ts', '<i8'), ('local_ts', '<i8'), ('px', '<f8'), \
         ('qty', '<f8'), ('order_id', '<u8'), ('ival', '<i8'), ('fval', '<f8')], 'fortran_order': False, \
         'shape': (491973,), }        \n";

    #[test]
    fn headers_of_events() {
        for version in [1, 2, 3] {
            let mut bytes = file(version, EVENTS);
            bytes.extend(b"rest");
            let mut input = &bytes[..];
            assert_eq!(read_event_header(&mut input).unwrap(), 491_973);
            assert_eq!(input, b"rest");
        }
    }

    #[test]
    fn other_arrays_are_refused_with_what_is_expected() {
        for (header, says) in [
            (EVENTS.replace("<f8", "<f4"), "('px','<f4')"),
            (EVENTS.replace("<u8", ">u8"), "hftbacktest's events are"),
            (EVENTS.replace("px", "price"), "('px','<f8')"),
            (EVENTS.replace("(491973,)", "(7, 6)"), "dimension"),
            (EVENTS.replace("(491973,)", "()"), "dimension"),
            ("{'descr': '<f8'}".into(), "malformed"),
            (
                "{'descr': '<f8', 'fortran_order': False, 'shape': (5, 6), }".into(),
                "an array of '<f8'",
            ),
        ] {
            let error = read_event_header(&mut &file(1, &header)[..]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert!(error.to_string().contains(says), "{error}");
        }
        let error = read_event_header(&mut &file(9, EVENTS)[..]).unwrap_err();
        assert!(error.to_string().contains("format 9"), "{error}");
        let bytes = file(1, EVENTS);
        for end in 0..bytes.len() {
            let error = read_event_header(&mut &bytes[..end]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        }
    }
}
