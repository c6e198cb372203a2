//! Days, and the ticks between them.

/// A day of the Gregorian calendar, counted from 0000-03-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i32);

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Days of a cycle of 400 years.
const CYCLE: i32 = 146_097;

/// Distances of ticks in days; further apart they are at the beginnings of months.
const DAY_STEPS: [i32; 4] = [1, 2, 7, 14];

/// Distances of ticks in months.
const MONTH_STEPS: [i32; 12] = [1, 2, 3, 6, 12, 24, 60, 120, 600, 2400, 12_000, 24_000];

/// A tick of an axis of days.
#[derive(Debug, PartialEq, Eq)]
pub struct Tick {
    /// Where.
    pub day: Day,
    /// `2 Mar`, `Mar` or `2026`.
    pub label: String,
    /// `2026`, where the year changes or begins to be told.
    pub year: Option<String>,
}

impl Day {
    /// Reads `2026-03-02`, of the years 0000 to 9999; a time of day may follow. None if it is
    /// no date.
    pub fn read(text: &str) -> Option<Self> {
        let (date, time) = text.split_at_checked(10)?;
        if !(time.is_empty() || time.starts_with(['T', ' '])) {
            return None;
        }
        let mut parts = date.split('-').map(|part| {
            let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse::<i32>().ok()).flatten()
        });
        let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
        let found = Self::of(year, month, day);
        // A thirtieth of February would be another day.
        (parts.next().is_none() && found.parts() == (year, month, day)).then_some(found)
    }

    /// Years begin in March, so that a leap day is the last one of its year.
    fn of(year: i32, month: i32, day: i32) -> Self {
        let year = if month > 2 { year } else { year - 1 };
        let (cycle, of_cycle) = (year.div_euclid(400), year.rem_euclid(400));
        let months = (month + 9).rem_euclid(12);
        let of_year = (153 * months + 2) / 5 + day - 1;
        Self(cycle * CYCLE + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year)
    }

    /// Year, month and day.
    fn parts(self) -> (i32, i32, i32) {
        let (cycle, of_cycle) = (self.0.div_euclid(CYCLE), self.0.rem_euclid(CYCLE));
        let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
        let of_year = of_cycle - (365 * year + year / 4 - year / 100);
        let months = (5 * of_year + 2) / 153;
        let day = of_year - (153 * months + 2) / 5 + 1;
        let month = if months < 10 { months + 3 } else { months - 9 };
        let year = cycle * 400 + year + i32::from(month <= 2);
        (year, month, day)
    }

    /// How many days later than another one.
    pub fn since(self, earlier: Self) -> f64 {
        f64::from(self.0 - earlier.0)
    }
}

/// At most `most` ticks between two days.
pub fn ticks(first: Day, last: Day, most: i32) -> Vec<Tick> {
    let days = (last.0 - first.0).max(0);
    let by_days = DAY_STEPS.into_iter().find(|step| days / step < most);
    match by_days {
        Some(step) => day_ticks(first, days, step),
        None => month_ticks(first, last, most),
    }
}

fn day_ticks(first: Day, days: i32, step: i32) -> Vec<Tick> {
    let mut told = None;
    (0..=days / step)
        .map(|index| {
            let tick = Day(first.0 + index * step);
            let (year, month, day) = tick.parts();
            Tick {
                day: tick,
                label: format!("{day} {}", name(month)),
                year: (told.replace(year) != Some(year)).then(|| year.to_string()),
            }
        })
        .collect()
}

fn month_ticks(first: Day, last: Day, most: i32) -> Vec<Tick> {
    let months = |day: Day| {
        let (year, month, _) = day.parts();
        year * 12 + month - 1
    };
    let (from, to) = (months(first), months(last));
    let step = MONTH_STEPS
        .into_iter()
        .find(|step| (to - from) / step < most)
        .unwrap_or(24_000);
    let mut told = None;
    (from..=to)
        .filter(|month| month % step == 0)
        .map(|month| (month.div_euclid(12), month.rem_euclid(12) + 1))
        .map(|(year, month)| (Day::of(year, month, 1), year, month))
        .filter(|(day, ..)| *day >= first)
        .map(|(day, year, month)| {
            let is_new = told.replace(year) != Some(year);
            let (label, year) = if step < 12 {
                (name(month).to_owned(), is_new.then(|| year.to_string()))
            } else {
                (year.to_string(), None)
            };
            Tick { day, label, year }
        })
        .collect()
}

fn name(month: i32) -> &'static str {
    usize::try_from(month - 1)
        .ok()
        .and_then(|index| MONTHS.get(index))
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(first: &str, last: &str) -> Vec<String> {
        let (first, last) = (Day::read(first), Day::read(last));
        let ticks = first.zip(last).map(|(first, last)| ticks(first, last, 8));
        let label = |tick: Tick| match tick.year {
            Some(year) => format!("{} {year}", tick.label),
            None => tick.label,
        };
        ticks.unwrap_or_default().into_iter().map(label).collect()
    }

    #[test]
    fn days_are_read() {
        let day = |text| Day::read(text).map(|day| day.0);
        assert_eq!(day("0000-03-01"), Some(0));
        assert_eq!(day("2000-03-01"), Some(5 * CYCLE));
        assert_eq!(day("2026-03-02T10:00:00Z"), day("2026-03-02"));
        assert!(day("2024-02-29").is_some());
        for text in [
            "",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2026-1-1",
            "26-01-2026",
            "2026-03-021",
            "2026/03/02",
            "+026-03-02",
            "2026-03-é2",
            "２０２６-03",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_is_itself() {
        for number in (0..CYCLE * 25).step_by(13) {
            let (year, month, day) = Day(number).parts();
            assert_eq!(Day::of(year, month, day), Day(number));
        }
    }

    #[test]
    fn ticks_are_few() {
        assert_eq!(labels("2026-03-02", "2026-03-02"), ["2 Mar 2026"]);
        assert_eq!(
            labels("2025-12-30", "2026-01-02"),
            ["30 Dec 2025", "31 Dec", "1 Jan 2026", "2 Jan"]
        );
        assert_eq!(
            labels("2026-03-02", "2026-03-29"),
            ["2 Mar 2026", "9 Mar", "16 Mar", "23 Mar"]
        );
        assert_eq!(
            labels("2025-01-15", "2026-02-20"),
            ["Mar 2025", "May", "Jul", "Sep", "Nov", "Jan 2026"].map(str::to_owned)
        );
        for last in ["2026-09-09", "2031-01-01", "2199-01-01", "9999-12-31"] {
            let ticks = labels("2026-03-02", last);
            assert!((1..=8).contains(&ticks.len()), "{ticks:?}");
        }
        assert!((1..=8).contains(&labels("0000-01-01", "9999-12-31").len()));
    }
}
