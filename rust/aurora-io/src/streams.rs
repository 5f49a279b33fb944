//! Which of several streams that tell the same is read.
//!
//! Recorders subscribe to books of several depths beside each other, and to trades both single and aggregated. A
//! ladder can follow one stream only, and a trade counts once: of each kind the best stream of a file is read, the
//! others are counted as ignored. Touches among them (`bbo-tbt`, `orderbook.1`) have ids of their own that say nothing
//! of when the ladder was ahead of them, so they do not serve as tickers.

use aurora_core::event::MessageKind;
use aurora_core::wire::{stream_rank, WireEvent};

/// A stream that ranks by what it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ranked {
    rank: u64,
    name: Vec<u8>,
}

/// The streams of one instrument that are read in one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    book: Option<Ranked>,
    trades: Option<Ranked>,
}

impl Chosen {
    fn place(&mut self, kind: MessageKind) -> Option<&mut Option<Ranked>> {
        match kind {
            MessageKind::Diff | MessageKind::Snapshot => Some(&mut self.book),
            MessageKind::Trade => Some(&mut self.trades),
            MessageKind::Ticker => None,
        }
    }

    /// Takes an event of the file's first messages: the best stream of each kind is chosen.
    pub fn see(&mut self, event: &WireEvent<'_>) {
        let Some(rank) = stream_rank(event.stream) else {
            return;
        };
        let Some(place) = self.place(event.kind) else {
            return;
        };
        if place.as_ref().is_none_or(|chosen| chosen.rank < rank) {
            *place = Some(Ranked {
                rank,
                name: event.stream.to_vec(),
            });
        }
    }

    /// Whether an event is to be read. Where the first messages showed no stream of its kind, the first to come is
    /// chosen.
    pub fn takes(&mut self, event: &WireEvent<'_>) -> bool {
        let name = event.stream;
        match self.place(event.kind) {
            None => true,
            Some(Some(chosen)) if chosen.name == name => true,
            // Answers to requests, and streams that stand alone.
            Some(place) => match (stream_rank(name), &place) {
                (None, _) => true,
                (Some(_), Some(_)) => false,
                (Some(rank), None) => {
                    *place = Some(Ranked {
                        rank,
                        name: name.to_vec(),
                    });
                    true
                }
            },
        }
    }
}
