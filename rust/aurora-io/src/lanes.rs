//! Files of one stream as one sequence of records: one after the other, or beside each other where what they hold
//! was recorded apart (books here, trades there), then merged by receive time.

use aurora_core::instrument::Market;

use crate::source::{self, Source};
use crate::CaptureError;

/// Within a file, receive times do not pause for longer than this (one day).
const LONGEST_PAUSE_NS: i64 = 86_400_000_000_000;

/// Files that follow each other.
struct Lane {
    /// Their places in the list of all.
    files: Vec<usize>,
    /// Of `files`, the next to be opened.
    next: usize,
    source: Option<Box<dyn Source>>,
    /// Receive time of the record that was read and not yet taken.
    ahead_ns: Option<i64>,
    last_ns: i64,
}

/// Where a record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    pub received_ns: i64,
    /// The file, by its place in the list of all.
    pub file: usize,
    lane: usize,
}

/// Reads the files of a stream as one sequence of records.
pub struct Lanes {
    paths: Vec<String>,
    market: Option<Market>,
    lanes: Vec<Lane>,
}

impl Lanes {
    /// `kinds`: what each file holds, as bits; files that share a kind follow each other in the order given.
    pub fn new(paths: &[String], kinds: &[u8], market: Option<Market>) -> Lanes {
        let mut groups: Vec<(u8, Vec<usize>)> = Vec::new();
        for file in 0..paths.len() {
            // A file that showed nothing follows the others.
            let held = kinds
                .get(file)
                .copied()
                .filter(|k| *k != 0)
                .unwrap_or(u8::MAX);
            let (mut merged, mut files) = (held, vec![file]);
            groups.retain_mut(|(kinds, others)| {
                let apart = *kinds & merged == 0;
                if !apart {
                    merged |= *kinds;
                    files.append(others);
                }
                apart
            });
            files.sort_unstable();
            groups.push((merged, files));
        }
        // Books before touches before trades where times are equal, in whatever order the files were given.
        groups.sort_unstable_by_key(|(kinds, _)| kinds.trailing_zeros());
        let lane = |(_, files)| Lane {
            files,
            next: 0,
            source: None,
            ahead_ns: None,
            last_ns: i64::MIN,
        };
        Lanes {
            paths: paths.to_vec(),
            market,
            lanes: groups.into_iter().map(lane).collect(),
        }
    }

    /// The next record of all; the same until it is taken. None at the end of every file.
    ///
    /// # Errors
    /// A record whose time cannot be read; files that are not in time order.
    pub fn peek(&mut self) -> Result<Option<Next>, CaptureError> {
        let mut first: Option<Next> = None;
        for lane in 0..self.lanes.len() {
            let Some(received_ns) = self.advance(lane)? else {
                continue;
            };
            if first.is_none_or(|first| received_ns < first.received_ns) {
                let Lane { files, next, .. } = &self.lanes[lane];
                first = Some(Next {
                    received_ns,
                    file: files[next - 1],
                    lane,
                });
            }
        }
        Ok(first)
    }

    /// The source that stands at a record, which is taken with this.
    pub fn take(&mut self, next: Next) -> Option<&mut Box<dyn Source>> {
        let lane = self.lanes.get_mut(next.lane)?;
        lane.ahead_ns = None;
        lane.source.as_mut()
    }

    /// A fault of the content at a record.
    pub fn content(&self, next: Next, what: String) -> CaptureError {
        let source = self
            .lanes
            .get(next.lane)
            .and_then(|lane| lane.source.as_ref());
        CaptureError::Content {
            path: self.paths.get(next.file).cloned().unwrap_or_default(),
            line: source.map_or(0, |source| source.line()),
            what,
        }
    }

    fn advance(&mut self, lane: usize) -> Result<Option<i64>, CaptureError> {
        let lane = &mut self.lanes[lane];
        if lane.ahead_ns.is_some() {
            return Ok(lane.ahead_ns);
        }
        loop {
            let (source, begun) = match &mut lane.source {
                Some(source) => (source, true),
                None => {
                    let Some(file) = lane.files.get(lane.next) else {
                        return Ok(None);
                    };
                    lane.next += 1;
                    let opened = source::open_as(&self.paths[*file], self.market)?;
                    (lane.source.insert(opened), false)
                }
            };
            let Some(received_ns) = source.advance()? else {
                lane.source = None;
                continue;
            };
            let content = |what: &str| CaptureError::Content {
                path: source.path().to_owned(),
                line: source.line(),
                what: what.into(),
            };
            if received_ns < lane.last_ns {
                if !begun && lane.next > 1 {
                    return Err(content(
                        "begins before the previous file ended; give the files of a symbol in time order",
                    ));
                }
            } else {
                let pause_ns = received_ns.saturating_sub(lane.last_ns);
                if lane.last_ns != i64::MIN && begun && pause_ns > LONGEST_PAUSE_NS {
                    return Err(content(
                        "received more than a day after the line before it; cut the file there, or mend the time",
                    ));
                }
                lane.last_ns = received_ns;
            }
            lane.ahead_ns = Some(received_ns);
            return Ok(lane.ahead_ns);
        }
    }
}
