//! Reconciliation of positions and wallet, as they were at the snapshot's watermark.

use sha2::{Digest, Sha256};

use super::account::{CashKind, CashMovement, PositionMode};
use super::mutant::{planted, Mutant};
use super::order::OrderState;
use super::reconcile::{Correction, RecentFill, Suspect, Suspicion, Work, CONFIRMATION_NS};
use super::snapshot::{DiffAction, DiffCause, DiffField, DiffValue, PositionCorrection};
use crate::instrument::Side;

impl Work<'_> {
    /// Positions as they were at the watermark.
    pub(super) fn compare_positions(&mut self) {
        let holders: &[Side] = match self.account.mode() {
            PositionMode::OneWay => &[Side::Buy],
            PositionMode::Hedge => &[Side::Buy, Side::Sell],
        };
        for instrument in 0..self.local.instruments.len() {
            for holder in holders {
                self.compare_position(instrument, *holder);
            }
        }
    }

    fn is_same_leg(&self, left: Side, right: Side) -> bool {
        self.account.mode() == PositionMode::OneWay || left == right
    }

    /// Whether our position was `theirs` at any moment of which the snapshot may be.
    fn stood_at(&self, instrument: usize, holder: Side, ours: i128, theirs: i128) -> bool {
        let of_leg = |fill: &&RecentFill| {
            fill.instrument == instrument && self.is_same_leg(fill.holder, holder)
        };
        let mut fills: Vec<&RecentFill> = self.lately.iter().filter(of_leg).collect();
        fills.sort_by_key(|fill| std::cmp::Reverse(fill.moment()));
        let mut size = ours;
        fills.iter().any(|fill| {
            let stood = size == theirs;
            size -= i128::from(fill.size);
            stood
        }) || size == theirs
    }

    /// Whether the fills of every open position came in the order in which they happened. Otherwise its cost, and
    /// with it the wallet, is split in another way than the venue's, until it is flat.
    fn fills_came_in_order(&self) -> bool {
        (0..self.local.instruments.len()).all(|instrument| {
            let legs = self.account.legs(instrument);
            let open = legs.iter().zip([Side::Buy, Side::Sell]);
            open.filter(|(leg, _)| leg.size != 0).all(|(leg, holder)| {
                let mut size = leg.size;
                let mut next = (i64::MAX, u64::MAX);
                let fills = self.local.recent_fills.iter().rev();
                let mut fills = fills.filter(|fill| {
                    fill.instrument == instrument && self.is_same_leg(fill.holder, holder)
                });
                while size != 0 {
                    let Some(fill) = fills.next().filter(|fill| fill.moment() <= next) else {
                        return false;
                    };
                    next = fill.moment();
                    size = size.saturating_sub(fill.size);
                }
                // Nor one of before, told of since.
                fills.all(|fill| fill.moment() <= next)
            })
        })
    }

    fn compare_position(&mut self, instrument: usize, holder: Side) {
        let ours = i128::from(self.account.position(instrument, holder).size);
        let listed = self.snapshot.positions.iter().find(|position| {
            position.instrument == instrument && self.is_same_leg(position.holder, holder)
        });
        let theirs = listed.map_or(0, |position| i128::from(position.size));
        if self.stood_at(instrument, holder, ours, theirs) {
            return;
        }
        let values = (
            DiffField::Position,
            DiffValue::Amount(ours),
            DiffValue::Amount(theirs),
        );
        // An order whose fills are in doubt may explain it: the answer to that comes first.
        let explained = self.orders.values().any(|record| {
            record.spec().instrument == instrument
                && (record.filled() < record.cumulative() || record.state() == OrderState::Unknown)
        });
        if explained {
            let why = (DiffCause::MissingTrade, DiffAction::Inquire);
            return self.row(None, Some(instrument), values, why);
        }
        let suspect = Suspect::Position { instrument, holder };
        if !self.is_confirmed(suspect, theirs - ours) {
            let why = (DiffCause::Unexplained, DiffAction::Confirm);
            return self.row(None, Some(instrument), values, why);
        }
        let mark = self.account.marks[instrument].map(|touch| touch.bid);
        let entry = listed.and_then(|position| position.entry_price);
        let price = entry.or(mark).filter(|price| *price > 0).unwrap_or(1);
        let Ok(size) = i64::try_from(theirs - ours) else {
            return;
        };
        let correction = PositionCorrection {
            id: self.id(suspect, ours, theirs),
            instrument,
            holder,
            size,
            price,
            exchange_ns: self.snapshot.exchange_ns,
            local_ns: self.snapshot.local_ns,
        };
        if self
            .account
            .correct(&self.local.instruments[instrument], &correction)
            .is_ok()
        {
            self.result
                .corrections
                .push(Correction::Position(correction));
            let why = (DiffCause::Unexplained, DiffAction::Adopted);
            self.row(None, Some(instrument), values, why);
        }
    }

    /// The wallet, while there was no fill lately and nothing else is in doubt.
    pub(super) fn compare_wallet(&mut self) {
        let Some(theirs) = self.snapshot.wallet else {
            return;
        };
        let in_doubt = self
            .orders
            .values()
            .any(|record| record.filled() < record.cumulative());
        let ours = self.account.wallet();
        let difference = theirs - ours;
        if !self.lately.is_empty()
            || in_doubt
            || !self.fills_came_in_order()
            || !self.result.suspicions.is_empty()
            || difference.abs() <= self.local.wallet_tolerance
        {
            return;
        }
        let values = (
            DiffField::Wallet,
            DiffValue::Amount(ours.0),
            DiffValue::Amount(theirs.0),
        );
        if !self.is_confirmed(Suspect::Wallet, difference.0) {
            let why = (DiffCause::Unexplained, DiffAction::Confirm);
            return self.row(None, None, values, why);
        }
        let movement = CashMovement {
            id: self.id(Suspect::Wallet, ours.0, theirs.0),
            kind: CashKind::Other,
            asset: None,
            amount: difference,
            local_ns: self.snapshot.local_ns,
        };
        self.result.corrections.push(Correction::Cash(movement));
        let why = (DiffCause::Unexplained, DiffAction::Adopted);
        self.row(None, None, values, why);
    }

    /// Whether an earlier snapshot showed the same difference; otherwise it is noted.
    fn is_confirmed(&mut self, suspect: Suspect, difference: i128) -> bool {
        let known = self.local.suspicions.iter().copied();
        let known = known
            .filter(|one| one.suspect == suspect && one.difference == difference)
            .map(|one| one.since_ns)
            .min();
        let now_ns = self.snapshot.exchange_ns;
        let confirmed = planted(Mutant::StaleSnapshot)
            || known.is_some_and(|since| now_ns >= since.saturating_add(CONFIRMATION_NS));
        if !confirmed {
            self.result.suspicions.push(Suspicion {
                suspect,
                difference,
                since_ns: known.unwrap_or(now_ns),
            });
        }
        confirmed
    }

    /// The id of a correction: 63 bits of SHA-256 over what was compared, never a venue's small number.
    fn id(&self, suspect: Suspect, ours: i128, theirs: i128) -> u64 {
        let (instrument, holder) = match suspect {
            Suspect::Position { instrument, holder } => (instrument as u64, holder as u8),
            Suspect::Wallet => (u64::MAX, 0),
        };
        let mut hasher = Sha256::new();
        hasher.update(instrument.to_le_bytes());
        hasher.update([holder]);
        hasher.update(ours.to_le_bytes());
        hasher.update(theirs.to_le_bytes());
        hasher.update(self.snapshot.exchange_ns.to_le_bytes());
        let hash = hasher.finalize();
        let mut first = [0u8; 8];
        first.copy_from_slice(&hash[..8]);
        u64::from_le_bytes(first) | 1 << 63
    }
}
