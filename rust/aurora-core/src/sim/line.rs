//! The line between process and venue, and what goes wrong on it.

use super::fault::Fault;
use super::gateway::{Outcome, ACCOUNT};
use super::happening::Happening;
use super::market::{rules, LOT, TICK};
use super::scenario::{MILLISECOND, SECOND};
use super::world::World;
use crate::execution::{
    BreakEven, BreakEvenTrigger, ExitPlan, Input, Pace, Proposal, Route, Schedule, Target,
    Trailing, MAX_SLICE_WEIGHTS,
};
use crate::instrument::Side;
use crate::units::Money;
use crate::venue::{
    Answer, Call, ClientOrderId, Reply, Request, Usage, UserEvent, UserEventKind, VenueError,
};

/// Longest disconnect, silence, limit or change of filters.
const LONGEST_EPISODE_NS: i64 = 4 * SECOND;
/// Farthest that the clock is stepped.
const FARTHEST_STEP_NS: i64 = 2_500 * MILLISECOND;

impl World {
    fn strike(&mut self, fault: Fault) -> bool {
        let strikes = self.trouble.strikes(fault, self.now_ns);
        if strikes {
            self.note(fault);
        }
        strikes
    }

    fn note(&mut self, fault: Fault) {
        self.history.faults.push((self.now_ns, fault));
    }

    /// When something arrives that leaves now.
    fn arrival_ns(&mut self) -> i64 {
        let jitter_ns = self.trouble.between(0, self.scenario.jitter_ns);
        let due_ns = self.now_ns + self.scenario.latency_ns + jitter_ns;
        if self.strike(Fault::Delay) {
            self.trouble.late_ns(due_ns)
        } else {
            due_ns
        }
    }

    /// A request leaves the process.
    pub(super) fn transmit(&mut self, request: u64, call: Call) {
        if self.trouble.is_cut() || self.strike(Fault::TimeoutAbsent) {
            return;
        }
        let at_ns = self.arrival_ns();
        let life = self.life;
        self.happen(
            at_ns,
            Happening::Arrive {
                life,
                request,
                call,
            },
        );
    }

    /// A request reaches the venue.
    pub(super) fn arrive(&mut self, life: u32, request: u64, call: &Call) {
        let now_ns = self.now_ns;
        let refused = |error, retry_after_ns| Reply {
            exchange_ns: now_ns,
            usage: Usage::default(),
            retry_after_ns,
            outcome: Err(error),
        };
        let limited = self.trouble.limited.filter(|(_, until)| now_ns < *until);
        let cancels = matches!(
            call.request,
            Request::Cancel { .. } | Request::CancelAlgo { .. }
        );
        let reply = if let Some((fault, until_ns)) = limited {
            self.note(fault);
            let error = if fault == Fault::Banned {
                VenueError::Banned
            } else {
                VenueError::TooManyRequests
            };
            refused(error, Some(until_ns - now_ns))
        } else if cancels && self.strike(Fault::CancelRejected) {
            refused(VenueError::CancelRejected, None)
        } else {
            let stale = self
                .trouble
                .stale_answer(&call.request, &self.venue, (ACCOUNT, now_ns));
            match stale {
                Some(answer) => {
                    self.note(Fault::StaleSnapshot);
                    Reply {
                        outcome: Ok(answer),
                        ..refused(VenueError::NoSuchOrder, None)
                    }
                }
                None => self.venue.handle(call, now_ns),
            }
        };
        let reply = if self.trouble.denies(&call.request, &reply, now_ns) {
            self.note(Fault::NotFoundThenFound);
            refused(VenueError::NoSuchOrder, None)
        } else {
            reply
        };
        if let Ok(Answer::Order(row)) = &reply.outcome {
            if matches!(call.request, Request::NewOrder(_)) && row.executed > 0 {
                self.trouble.prompt.push(row.client_id);
            }
        }
        self.send_events();
        if self.trouble.is_cut() || self.strike(Fault::TimeoutLive) {
            return;
        }
        let outcome = if self.strike(Fault::AckLost) {
            Outcome::Unknown {
                exchange_ns: now_ns,
            }
        } else {
            Outcome::Reply(Box::new(reply))
        };
        let at_ns = self.arrival_ns();
        self.happen(
            at_ns,
            Happening::Return {
                life,
                request,
                outcome,
            },
        );
    }

    /// Whether the reply to an order that filled on arrival came before or after the event of its fill.
    pub(super) fn note_first(&mut self, id: Option<ClientOrderId>, fault: Fault) {
        let Some(id) = id else {
            return;
        };
        if let Some(place) = self.trouble.prompt.iter().position(|of| *of == id) {
            self.trouble.prompt.swap_remove(place);
            self.note(fault);
        }
    }

    pub(super) fn note_reply_of(&mut self, outcome: &Outcome) {
        if let Outcome::Reply(reply) = outcome {
            if let Ok(Answer::Order(row)) = &reply.outcome {
                self.note_first(Some(row.client_id), Fault::AckBeforeFill);
            }
        }
    }

    pub(super) fn note_order_of(&mut self, event: &UserEvent) {
        let id = match &event.kind {
            UserEventKind::Order { order, trade, .. } => trade.map(|_| order.client_id),
            _ => None,
        };
        self.note_first(id, Fault::AckAfterFill);
    }

    /// What the venue has to tell leaves for the process.
    pub(super) fn send_events(&mut self) {
        if !self.venue.has_events() {
            return;
        }
        self.trouble.remember(&self.venue, ACCOUNT, self.now_ns);
        for event in self.drain_events() {
            let about_orders = matches!(
                event.kind,
                UserEventKind::Order { .. } | UserEventKind::Algo(_)
            );
            // Nothing else on the stream is of use to the desk.
            if !about_orders || self.trouble.is_cut() || self.trouble.is_silent() {
                continue;
            }
            if self.strike(Fault::Drop) {
                continue;
            }
            let garbled = self.strike(Fault::UnknownWord);
            let mut at_ns = self.arrival_ns();
            if self.strike(Fault::Reorder) {
                at_ns += self.trouble.between(MILLISECOND, 200 * MILLISECOND);
            } else {
                at_ns = at_ns.max(self.trouble.last_event_ns);
                self.trouble.last_event_ns = at_ns;
            }
            let (life, connection) = (self.life, self.connection);
            let what = Happening::Event {
                life,
                connection,
                event,
                garbled,
            };
            if self.strike(Fault::Duplicate) {
                let again_ns = at_ns + self.trouble.between(0, 500 * MILLISECOND);
                self.happen(again_ns, what.clone());
            }
            self.happen(at_ns, what);
        }
    }

    /// A fault that lasts a while begins.
    pub(super) fn begin(&mut self, fault: Fault) {
        let now_ns = self.now_ns;
        self.note(fault);
        let end_ns = self.trouble.end_ns(now_ns, LONGEST_EPISODE_NS);
        match fault {
            Fault::Disconnect => {
                self.trouble.cut(true);
                self.history.outages.push((now_ns, end_ns));
            }
            Fault::SilentStream => self.trouble.silence(true),
            Fault::RateLimited | Fault::Banned => {
                self.trouble.limited = Some((fault, end_ns));
                self.history.outages.push((now_ns, end_ns));
            }
            Fault::FilterChange => self.change_filters(end_ns),
            Fault::ClockStep => {
                // Waits that are measured by it are that much longer: not into the calm.
                let room_ns = self.scenario.calm_ns - now_ns - 2 * FARTHEST_STEP_NS;
                let back_ns = FARTHEST_STEP_NS.min(room_ns.max(0));
                let by_ns = self.trouble.between(-back_ns, FARTHEST_STEP_NS);
                let still_ns = self.clock.step(by_ns);
                self.history.outages.push((now_ns, now_ns + still_ns));
                return;
            }
            _ => return,
        }
        self.happen(end_ns, Happening::End(fault));
    }

    fn change_filters(&mut self, end_ns: i64) {
        let symbol = self.trouble.between(0, self.instruments.len() as i64 - 1) as usize;
        let mut changed = rules(&self.instruments[symbol]);
        match self.trouble.between(0, 2) {
            0 => changed.tick = 5 * TICK,
            1 => changed.min_notional = Money(1_000_000 * 100_000_000),
            _ => {
                changed.is_trading = false;
                self.history.outages.push((self.now_ns, end_ns));
            }
        }
        self.venue.set_rules(symbol, changed);
    }

    pub(super) fn end(&mut self, fault: Fault) {
        match fault {
            Fault::Disconnect => {
                self.trouble.cut(false);
                if !self.trouble.is_cut() && self.process.is_some() {
                    self.happen(self.now_ns, Happening::StreamUp);
                }
            }
            Fault::SilentStream => self.trouble.silence(false),
            Fault::FilterChange => {
                for symbol in 0..self.instruments.len() {
                    self.venue
                        .set_rules(symbol, rules(&self.instruments[symbol]));
                }
            }
            _ => {}
        }
    }

    /// The strategy wants a trade.
    pub(super) fn propose(&mut self) {
        if self.now_ns >= self.scenario.calm_ns {
            return;
        }
        let every_ns = self.scenario.proposal_every_ns;
        let wait_ns = self.desires.between(every_ns / 2, every_ns * 3 / 2);
        self.happen(self.now_ns + wait_ns, Happening::Propose);
        self.traces += 1;
        let dice = &mut self.desires;
        let symbol = dice.between(0, self.instruments.len() as i64 - 1) as usize;
        let (buys, makes) = (dice.chance_e4(5_000), dice.chance_e4(5_000));
        let size = LOT * dice.between(1, 40);
        let stop_distance = TICK * dice.between(8, 60);
        // Where trades are told to close, their time must not be up by then.
        let patience = if self.scenario.closes.is_empty() {
            1
        } else {
            3
        };
        let deadline_ns = patience * dice.between(1_500 * MILLISECOND, 7 * SECOND);
        let limit = dice.between(0, 6);
        let clears = dice.chance_e4(7_000).then(|| dice.between(-2, 12));
        let exits = self.exits();
        let (bid, ask) = self.touch(symbol);
        let take_within = clears.map(|beyond| match buys {
            true => ask + beyond,
            false => bid - beyond,
        });
        let now_ns = self.clock.local_ns(self.now_ns);
        let proposal = Proposal {
            trace: self.traces,
            instrument: symbol,
            local_ns: now_ns,
            side: if buys { Side::Buy } else { Side::Sell },
            size,
            route: if makes { Route::Maker } else { Route::Taker },
            bid,
            ask,
            stop_distance,
            deadline_ns: now_ns + deadline_ns,
            limit,
            take_within,
            volatility: Some(TICK * self.caution.between(1, 12)),
            depth: Some(LOT * self.caution.between(0, 60)),
        };
        self.trip(symbol, now_ns);
        let input = match self.schedule(size / LOT) {
            None => Input::Bracket {
                now_ns,
                proposal,
                exits,
            },
            Some(schedule) => Input::Worked {
                now_ns,
                proposal,
                exits,
                schedule,
            },
        };
        self.step(input);
    }

    /// How the entry is worked over time, for half of them.
    fn schedule(&mut self, lots: i64) -> Option<Schedule> {
        let dice = &mut self.paces;
        let pace = match dice.between(0, 7) {
            0 => Pace::TimeWeighted,
            1 => {
                let mut weights = [0; MAX_SLICE_WEIGHTS];
                for weight in &mut weights {
                    *weight = dice.between(0, 9) as u32;
                }
                Pace::VolumeWeighted { weights }
            }
            2 => Pace::Participation {
                rate_e4: dice.between(300, 3_000),
            },
            3 => Pace::Iceberg {
                display: dice.between(1, lots / 2 + 1),
            },
            _ => return None,
        };
        let child_min = dice.between(1, 3);
        Some(Schedule {
            pace,
            slices: dice.between(1, 8) as u32,
            over_ns: dice.between(400 * MILLISECOND, 5 * SECOND),
            child_min,
            child_max: dice.between(2 * child_min, 30),
        })
    }

    fn exits(&mut self) -> ExitPlan {
        let dice = &mut self.desires;
        let mut exits = ExitPlan {
            true_range: dice.between(5, 30),
            ..ExitPlan::default()
        };
        let count = dice.between(0, 3) as usize;
        for (number, target) in exits.targets.iter_mut().take(count).enumerate() {
            *target = Some(Target {
                distance: dice.between(3, 30) * (number as i64 + 1),
                share_e4: dice.between(1_500, 3_300),
            });
        }
        if dice.chance_e4(3_000) {
            exits.trailing = Some(Trailing {
                arm_risk_e4: dice.between(1_000, 10_000),
                interval_ns: dice.between(0, 800) * MILLISECOND,
                ..Trailing::default()
            });
        }
        if dice.chance_e4(3_000) {
            exits.break_even = Some(BreakEven {
                trigger: match dice.between(0, 2) {
                    0 => BreakEvenTrigger::FirstTarget,
                    1 => BreakEvenTrigger::TrueRange { multiple_e4: 5_000 },
                    _ => BreakEvenTrigger::Risk { multiple_e4: 3_000 },
                },
                entry_fee_e8: 20_000,
                exit_fee_e8: 50_000,
                slippage: 1,
                funding: 0,
            });
        }
        exits
    }
}
