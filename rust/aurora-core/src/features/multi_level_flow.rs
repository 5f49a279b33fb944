//! Order flow imbalance level by level (Xu, Gould and Howison 2019), and its scaling by depth
//! (Cont, Cucuringu and Zhang 2023).

use serde::{Deserialize, Serialize};

use super::{OrderFlowImbalance, TopLevels, Undefined, MAX_LEVELS};
use crate::instrument::Side;

/// Multi-level order flow imbalance: [`OrderFlowImbalance`] of the m-th best bid and ask for m = 1 to K, each summed
/// since the last reading.
///
/// Level m is compared with level m of the book before, whatever their prices. Where a side has fewer than m levels,
/// level m is gone just as a touch can be: its sum starts anew, and is undefined until two books in a row have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MultiLevelFlow {
    levels: usize,
    flows: [OrderFlowImbalance; MAX_LEVELS],
    /// Levels that both sides of the last book had; 0 when there is no book.
    present: usize,
    /// Sizes of the best K levels, both sides, summed over the whole books since the last reading.
    depth_sum: i128,
    books: u64,
    /// That sum of the last book alone; None when the book did not have K levels a side.
    last_depth: Option<i64>,
}

impl MultiLevelFlow {
    /// A kernel of `levels` levels, held to 1 to [`MAX_LEVELS`].
    pub fn new(levels: usize) -> Self {
        MultiLevelFlow {
            levels: levels.clamp(1, MAX_LEVELS),
            flows: Default::default(),
            present: 0,
            depth_sum: 0,
            books: 0,
            last_depth: None,
        }
    }

    pub fn levels(&self) -> usize {
        self.levels
    }

    /// Takes the book after a change; `top` must have been asked for at least K levels.
    pub fn update(&mut self, top: &TopLevels) {
        for (index, flow) in self.flows[..self.levels].iter_mut().enumerate() {
            match top.pair(index) {
                Some(pair) => flow.update(pair),
                None => flow.interrupt(),
            }
        }
        self.present = top.common().min(self.levels);
        self.last_depth = (self.present == self.levels).then(|| {
            [Side::Buy, Side::Sell]
                .into_iter()
                .flat_map(|side| &top.side(side)[..self.levels])
                .fold(0i64, |sum, level| sum.saturating_add(level.size))
        });
        if let Some(depth) = self.last_depth {
            self.depth_sum += i128::from(depth);
            self.books += 1;
        }
    }

    /// The book is gone: what comes next has no predecessor.
    pub fn interrupt(&mut self) {
        *self = MultiLevelFlow::new(self.levels);
    }

    /// Sums since the last reading. Starts new ones.
    pub fn take(&mut self) -> MultiLevelReading {
        let mut reading = MultiLevelReading {
            levels: self.levels,
            flows: [Err(Undefined::NoTouch); MAX_LEVELS],
            average_depth: self.average_depth(),
        };
        for index in 0..self.levels {
            let sum = self.flows[index].take();
            reading.flows[index] = if index < self.present {
                sum.ok_or(Undefined::WarmingUp)
            } else {
                Err(Undefined::NoTouch)
            };
        }
        self.depth_sum = 0;
        self.books = 0;
        reading
    }

    fn average_depth(&self) -> Option<f64> {
        let last = self.last_depth?;
        let sizes = 2.0 * self.levels as f64;
        Some(if self.books > 0 {
            self.depth_sum as f64 / (self.books as f64 * sizes)
        } else {
            last as f64 / sizes
        })
    }
}

/// What [`MultiLevelFlow`] summed between two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MultiLevelReading {
    levels: usize,
    flows: [Result<i64, Undefined>; MAX_LEVELS],
    average_depth: Option<f64>,
}

impl MultiLevelReading {
    /// Flow of each level in size quanta, best first: [`Undefined::NoTouch`] where a side has no such level,
    /// [`Undefined::WarmingUp`] until two books had it.
    pub fn flows(&self) -> &[Result<i64, Undefined>] {
        &self.flows[..self.levels]
    }

    /// Mean size of a level in size quanta: over the best K levels, both sides, and all books since the last reading
    /// that had them (the standing book when there was none). None when the standing book has fewer than K.
    pub fn average_depth(&self) -> Option<f64> {
        self.average_depth
    }

    /// Flow of each level divided by the average depth: entries beyond the K levels are zero. Undefined unless all
    /// levels are defined.
    pub fn scaled(&self) -> Result<[f64; MAX_LEVELS], Undefined> {
        let mut scaled = [0.0; MAX_LEVELS];
        for (scaled, flow) in scaled.iter_mut().zip(self.flows()) {
            *scaled = (*flow)? as f64;
        }
        let depth = self.average_depth.ok_or(Undefined::NoTouch)?;
        if depth <= 0.0 {
            return Err(Undefined::Degenerate);
        }
        for value in &mut scaled {
            *value /= depth;
        }
        Ok(scaled)
    }
}

#[cfg(test)]
#[path = "multi_level_flow_tests.rs"]
mod tests;
