//! Which of several venues an order goes to: 0.3 spread + 0.2 queue + 0.2 latency + 0.15 reliability + 0.15 size
//! (SPEC §9).

/// What a venue offers an order, each from 0 to 1, more is better.
///
/// Spread, queue and latency are shares of the best among the venues compared: smallest spread ÷ this one, and so on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VenueQuality {
    /// Quoted spread, in any unit of price that the venues share; zero or more.
    pub spread: f64,
    /// Size ahead of the order at its own side of the touch; zero or more.
    pub queue: f64,
    /// Time from an order to its acknowledgement; zero or more.
    pub latency: f64,
    /// Share of requests that were answered as they should be, 0 to 1.
    pub reliability: f64,
    /// Size displayed for the order, of its own size; all beyond one counts as one.
    pub size: f64,
}

const WEIGHTS: [f64; 5] = [0.3, 0.2, 0.2, 0.15, 0.15];

/// What is best over what this is: 1 where it is the best, less where it costs more.
fn share_of_best(best: f64, this: f64) -> f64 {
    if this <= best {
        1.0
    } else {
        best / this
    }
}

impl VenueQuality {
    fn parts(&self) -> [f64; 5] {
        let VenueQuality {
            spread,
            queue,
            latency,
            reliability,
            size,
        } = *self;
        [spread, queue, latency, reliability, size]
    }

    /// Whether every part is a number that it can be.
    pub fn is_valid(&self) -> bool {
        let sane = |part: &f64| part.is_finite() && *part >= 0.0;
        self.parts().iter().all(sane) && self.reliability <= 1.0
    }
}

/// Score from 0 to 1 of one venue `among` those it is compared with (itself may be among them): the weighted sum of its
/// parts. None where a part is no such number.
pub fn venue_score(venue: &VenueQuality, among: &[VenueQuality]) -> Option<f64> {
    if !venue.is_valid() || !among.iter().all(VenueQuality::is_valid) {
        return None;
    }
    let best = |part: fn(&VenueQuality) -> f64| among.iter().map(part).fold(part(venue), f64::min);
    let parts = [
        share_of_best(best(|one| one.spread), venue.spread),
        share_of_best(best(|one| one.queue), venue.queue),
        share_of_best(best(|one| one.latency), venue.latency),
        venue.reliability,
        venue.size.min(1.0),
    ];
    let weighted = WEIGHTS.iter().zip(parts);
    Some(weighted.map(|(weight, part)| weight * part).sum())
}

/// Place and score of the venue with the largest score, the first of equals; none without a venue, or where a part of
/// any is no number that it can be.
pub fn best_venue(venues: &[VenueQuality]) -> Option<(usize, f64)> {
    let mut best: Option<(usize, f64)> = None;
    for (place, venue) in venues.iter().enumerate() {
        let score = venue_score(venue, venues)?;
        if best.is_none_or(|(_, known)| score > known) {
            best = Some((place, score));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const NARROW: VenueQuality = VenueQuality {
        spread: 1.0,
        queue: 40.0,
        latency: 20.0,
        reliability: 0.9,
        size: 0.5,
    };
    const FAST: VenueQuality = VenueQuality {
        spread: 2.0,
        queue: 10.0,
        latency: 5.0,
        reliability: 1.0,
        size: 3.0,
    };

    #[test]
    fn scores_by_hand() {
        let both = [NARROW, FAST];
        // 0.3·1 + 0.2·(10/40) + 0.2·(5/20) + 0.15·0.9 + 0.15·0.5
        assert!((venue_score(&NARROW, &both).unwrap() - 0.61).abs() < 1e-12);
        // 0.3·(1/2) + 0.2 + 0.2 + 0.15 + 0.15
        assert!((venue_score(&FAST, &both).unwrap() - 0.85).abs() < 1e-12);
        assert_eq!(best_venue(&both).unwrap().0, 1);
        // Alone it is the best of all in what is compared.
        assert!((venue_score(&NARROW, &[]).unwrap() - 0.91).abs() < 1e-12);
        assert_eq!(best_venue(&[FAST, FAST]).unwrap().0, 0);
        assert_eq!(best_venue(&[]), None);
        let free = VenueQuality {
            spread: 0.0,
            ..NARROW
        };
        assert!(
            (venue_score(&NARROW, &[free]).unwrap() - 0.61).abs() < 1e-12,
            "0.91 - 0.3"
        );
        for broken in [f64::NAN, -1.0, f64::INFINITY] {
            let bad = VenueQuality {
                queue: broken,
                ..FAST
            };
            assert_eq!(venue_score(&bad, &[]), None);
            assert_eq!(best_venue(&[NARROW, bad]), None);
        }
        let bad = VenueQuality {
            reliability: 1.1,
            ..FAST
        };
        assert_eq!(venue_score(&bad, &[]), None);
    }

    proptest! {
        #[test]
        fn a_score_lies_between_zero_and_one_and_what_is_no_worse_in_anything_scores_no_less(
            parts in prop::collection::vec((0.0..9.0, 0.0..9.0, 0.0..9.0, 0.0..1.0, 0.0..3.0), 2..5),
        ) {
            let venues: Vec<_> = parts
                .into_iter()
                .map(|(spread, queue, latency, reliability, size)| VenueQuality { spread, queue, latency, reliability, size })
                .collect();
            for one in &venues {
                let score = venue_score(one, &venues).unwrap();
                prop_assert!((0.0..=1.0 + 1e-12).contains(&score));
                for other in &venues {
                    let no_worse = one.spread <= other.spread && one.queue <= other.queue
                        && one.latency <= other.latency && one.reliability >= other.reliability
                        && one.size >= other.size;
                    if no_worse {
                        prop_assert!(score >= venue_score(other, &venues).unwrap());
                    }
                }
            }
            let (place, best) = best_venue(&venues).unwrap();
            prop_assert!(venues.iter().all(|one| venue_score(one, &venues).unwrap() <= best));
            prop_assert_eq!(venue_score(&venues[place], &venues).unwrap(), best);
        }
    }
}
