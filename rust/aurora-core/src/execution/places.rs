//! Where orders go: one place for entries, with all that is known of rules, market and account, and one for exits.

use serde::{Deserialize, Serialize};

use super::account::PositionMode;
use super::gate::{Proposal, Touch};
use super::payload::{round_passive, AccountStanding, MarketStanding, Place, WorkingOrder};
use super::reason::ReasonCode;
use super::router::{Order, OrderKind, TimeInForce};
use super::step::{Command, Execution, Output};
use crate::instrument::Side;
use crate::symbol_rules::{PositionSide, SymbolRules};
use crate::units::Money;

/// Prices that the venue measures with, beside the touch; none: not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct References {
    pub mark: Option<i64>,
    pub last: Option<i64>,
}

impl Execution {
    /// An execution that knows the venue's rules of its symbols, where a list names them, in the order of the
    /// instruments. What they do not name is checked by what the instrument itself says.
    #[must_use]
    pub fn with_rules(mut self, rules: Vec<SymbolRules>) -> Execution {
        for (known, told) in self.rules.iter_mut().zip(rules) {
            *known = told;
        }
        self
    }

    /// The rules that orders of an instrument are checked against.
    pub fn rules(&self, instrument: usize) -> Option<&SymbolRules> {
        self.rules.get(instrument)
    }

    /// Lets an entry be routed to where it is to go. The account's standing is known where leverage is: a replay has
    /// none, and what is not known is not checked.
    pub(super) fn at_entry_place<T>(
        &self,
        index: usize,
        now_ns: i64,
        route: impl FnOnce(&Place) -> T,
    ) -> T {
        let orders;
        let account = match self.settings.leverage {
            Some(leverage) => {
                orders = self.working_orders(index);
                Some(AccountStanding {
                    positions: self.positions(index),
                    orders: &orders,
                    conditional_orders: self.conditional_orders(index),
                    equity: self.account.equity(&self.instruments),
                    other_initial: self.other_initial(index, leverage),
                    leverage,
                })
            }
            None => None,
        };
        let References { mark, last } = self.references[index];
        // Margin needs a price to value what is held at.
        let mid = account.and(self.account.marks[index]).map(middle);
        let market = MarketStanding {
            touch: self.account.touches[index],
            mark,
            last: last.or(mid),
            ..MarketStanding::default()
        };
        route(&Place {
            instrument: &self.instruments[index],
            rules: &self.rules[index],
            mode: self.account.mode(),
            now_ns,
            market: Some(market),
            account,
        })
    }

    /// Where exits go: the symbol's rules alone. Nothing of market or account may keep back what protects.
    pub(super) fn exit_place(&self, index: usize) -> Place<'_> {
        Place::bare(&self.instruments[index], &self.rules[index], None)
    }

    /// Price step of an instrument's orders.
    pub(super) fn tick(&self, index: usize) -> i64 {
        self.rules[index].tick
    }

    /// The part of a position that one stop may cover; all of it where the rules would allow no stop at all, and then
    /// the venue has the word.
    pub(super) fn protectable(&self, index: usize, held: i64) -> i64 {
        let rules = &self.rules[index];
        let most = held.min(rules.market_max_size);
        let size = round_passive(most, Side::Buy, rules.market_min_size, rules.market_step);
        if size <= 0 || size < rules.market_min_size {
            held
        } else {
            size
        }
    }

    /// One-way, long and short position, in the order of [`PositionSide`].
    fn positions(&self, index: usize) -> [i64; 3] {
        let [first, second] = self.account.legs(index);
        match self.account.mode() {
            PositionMode::OneWay => [first.size, 0, 0],
            PositionMode::Hedge => [0, first.size, second.size],
        }
    }

    /// Limit orders that rest or may come to rest.
    fn working_orders(&self, index: usize) -> Vec<WorkingOrder> {
        let trade = self.trades[index].as_ref();
        let orders = trade.map_or(&[][..], |trade| &trade.orders);
        let working = orders.iter().filter(|order| {
            order.spec().kind == OrderKind::Limit && !order.is_complete() && order.open_size() > 0
        });
        working
            .map(|order| {
                let spec = order.spec();
                WorkingOrder {
                    side: spec.side,
                    position_side: match (self.account.mode(), spec.holder()) {
                        (PositionMode::OneWay, _) => PositionSide::Both,
                        (PositionMode::Hedge, Side::Buy) => PositionSide::Long,
                        (PositionMode::Hedge, Side::Sell) => PositionSide::Short,
                    },
                    price: spec.price.unwrap_or(0),
                    left: order.open_size(),
                    reduces: spec.reduce_only,
                }
            })
            .collect()
    }

    fn conditional_orders(&self, index: usize) -> usize {
        let trade = self.trades[index].as_ref();
        let orders = trade.map_or(&[][..], |trade| &trade.orders);
        let waits = orders.iter().filter(|order| {
            order.spec().kind == OrderKind::StopMarket && !order.state().is_terminal()
        });
        waits.count()
    }

    /// Initial margin of every instrument but one.
    fn other_initial(&self, index: usize, leverage: u32) -> Money {
        let mut sum = Money::ZERO;
        for (other, instrument) in self.instruments.iter().enumerate() {
            if other == index {
                continue;
            }
            let orders = self.working_orders(other);
            let standing = AccountStanding {
                positions: self.positions(other),
                orders: &orders,
                conditional_orders: 0,
                equity: Money::ZERO,
                other_initial: Money::ZERO,
                leverage,
            };
            let known = self.references[other];
            let mid = self.account.marks[other].map(middle);
            let reference = known.mark.or(known.last).or(mid);
            let exposure = standing.exposure(instrument, reference, None);
            sum += standing.initial_margin(exposure);
        }
        sum
    }

    /// What the desk's conduct has against an entry that the router has made; what follows another has no proposal.
    pub(super) fn check_conduct(
        &self,
        order: &Order,
        proposal: Option<&Proposal>,
        now_ns: i64,
    ) -> Result<(), ReasonCode> {
        let spec = order.spec();
        let index = spec.instrument;
        let settings = &self.settings.conduct;
        let elapsed_ns = proposal.map_or(0, |asked| now_ns.saturating_sub(asked.local_ns));
        let budget_ns = self.settings.latency_budget_ns;
        self.conduct
            .check_latency(settings, elapsed_ns, budget_ns, now_ns)?;
        let volatility = match proposal {
            Some(asked) => asked.volatility,
            None => self.conduct.volatilities[index],
        };
        if let (Some(limit), Some(touch)) = (spec.price, self.account.touches[index]) {
            settings.check_protection(limit, touch, volatility)?;
        }
        if let Some(asked) = proposal {
            if spec.time_in_force == TimeInForce::ImmediateOrCancel {
                settings.check_depth(spec.size, asked.depth)?;
            }
            self.check_window(order, asked.local_ns)?;
        }
        let budgets = settings.budgets.as_ref();
        let cost = budgets.map_or((0, 0), |budgets| (budgets.weights.place, 1));
        self.conduct.check_budget(now_ns, cost)
    }

    fn check_window(&self, order: &Order, at_ns: i64) -> Result<(), ReasonCode> {
        let Some(window) = &self.settings.conduct.window else {
            return Ok(());
        };
        let rules = window.rules(at_ns);
        let spec = order.spec();
        let instrument = &self.instruments[spec.instrument];
        let notional = instrument.notional(spec.price.unwrap_or(0), spec.size);
        let open = self.trades.iter().flatten();
        let working = open.filter(|trade| trade.entry_open()).count();
        if working >= rules.entries || notional < rules.least_notional {
            return Err(ReasonCode::TradingWindow);
        }
        Ok(())
    }

    fn cost(&self, command: &Command) -> (i64, i64) {
        let budgets = self.settings.conduct.budgets.as_ref();
        budgets.map_or((0, 0), |budgets| {
            budgets.cost(command, self.instruments.len())
        })
    }

    /// A command leaves; what it costs is counted, whatever it is.
    pub(super) fn send(&mut self, command: Command, now_ns: i64, out: &mut Vec<Output>) {
        self.count(&command, now_ns);
        out.push(Output::Command(command));
    }

    pub(super) fn count(&mut self, command: &Command, now_ns: i64) {
        let cost = self.cost(command);
        self.conduct.spend(now_ns, cost);
    }

    /// Whether anything of an instrument may enter: breakers, clock, line.
    pub(super) fn may_enter(
        &self,
        index: usize,
        takes: bool,
        now_ns: i64,
    ) -> Result<(), ReasonCode> {
        let settings = &self.settings.conduct;
        self.conduct.check_standing(settings, index, takes, now_ns)
    }
}

fn middle(touch: Touch) -> i64 {
    touch.bid.midpoint(touch.ask)
}
