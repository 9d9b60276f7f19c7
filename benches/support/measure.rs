//! What the benchmarks share: their arguments, CPU time and the median.

/// Clock ticks a second of `/proc/self/stat` (`proc(5)`; fixed at 100 for user space).
const TICKS: f64 = 100.0;

/// The arguments; `cargo bench` adds `--bench`.
pub(crate) fn arguments() -> Vec<String> {
    std::env::args().skip(1).filter(|word| word != "--bench").collect()
}

/// A number among the arguments, with `_` where it helps.
pub(crate) fn number(arguments: &[String], at: usize, default: u64) -> u64 {
    let word = arguments.get(at);
    word.and_then(|word| word.replace('_', "").parse().ok()).unwrap_or(default)
}

/// CPU seconds of the program so far, from `/proc/self/stat` (fields 14 and 15); 0 where there is none.
pub(crate) fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: f64 =
        after.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<f64>().ok()).sum();
    ticks / TICKS
}

/// The middle one, the larger of two; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
