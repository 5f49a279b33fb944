//! What sources hand over, kept to be compared.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use aurora_core::event::MessageKind;
use aurora_core::wire::{TextLevel, WireError, WireEvent, WireFault, WireLevels};

use super::Source;
use crate::CaptureError;

/// An event with everything it borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub local_ns: i64,
    pub line: u64,
    pub kind: MessageKind,
    /// `market:SYMBOL`.
    pub key: String,
    pub stream: String,
    pub exchange_ns: Option<i64>,
    pub ids: (u64, u64, u64),
    pub flags: u8,
    /// `PRICExSIZE`, separated by blanks.
    pub bids: String,
    pub asks: String,
}

fn text(levels: &[TextLevel<'_>]) -> String {
    let text = |level: &TextLevel<'_>| {
        format!(
            "{}x{}",
            std::str::from_utf8(level.price).unwrap(),
            std::str::from_utf8(level.size).unwrap()
        )
    };
    levels.iter().map(text).collect::<Vec<_>>().join(" ")
}

pub fn seen(event: &WireEvent<'_>, local_ns: i64, line: u64) -> Seen {
    let WireLevels::Rows { bids, asks } = event.levels else {
        panic!("tables give rows");
    };
    assert_eq!(event.sent_ns, event.exchange_ns);
    Seen {
        local_ns,
        line,
        kind: event.kind,
        key: format!(
            "{}:{}",
            event.market.unwrap().name(),
            std::str::from_utf8(event.symbol.unwrap()).unwrap()
        ),
        stream: std::str::from_utf8(event.stream).unwrap().to_owned(),
        exchange_ns: event.exchange_ns,
        ids: (event.first_id, event.last_id, event.previous_id),
        flags: event.flags,
        bids: text(bids),
        asks: text(asks),
    }
}

/// What a source gave to its end, passing over records that cannot be read.
#[derive(Debug, Default)]
pub struct Read {
    pub events: Vec<Seen>,
    pub records: usize,
    /// Records that carry nothing.
    pub ignored: usize,
    /// As text.
    pub faults: Vec<String>,
}

pub fn read(source: &mut dyn Source) -> Read {
    let mut read = Read::default();
    loop {
        let answer = source.advance().and_then(|time| match time {
            None => Ok(false),
            Some(local_ns) => {
                read.records += 1;
                let line = source.line();
                let events = &mut read.events;
                let any = source.events(&mut |event: &WireEvent<'_>| {
                    events.push(seen(event, local_ns, line));
                    Ok(())
                })?;
                read.ignored += usize::from(!any);
                Ok(true)
            }
        });
        match answer {
            Ok(true) => {}
            Ok(false) => return read,
            Err(error) => {
                read.faults.push(error.to_string());
                if !matches!(error, CaptureError::Frame { .. }) {
                    return read;
                }
            }
        }
    }
}

/// The error when the sink refuses level number `level` of the first event.
pub fn refused(source: &mut dyn Source, level: usize) -> String {
    source.advance().unwrap().unwrap();
    let answer = source.events(&mut |event: &WireEvent<'_>| {
        let WireLevels::Rows { bids, asks } = event.levels else {
            panic!("tables give rows");
        };
        let level = bids.iter().chain(asks).nth(level).unwrap();
        Err(WireError {
            byte: level.byte,
            fault: WireFault::Expected { expected: "less" },
        })
    });
    answer.unwrap_err().to_string()
}

/// A folder of files that goes with the test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}
