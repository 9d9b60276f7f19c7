//! What the benchmarks share: their arguments, CPU time and the median.

/// The arguments; `cargo bench` adds `--bench`.
pub(crate) fn arguments() -> Vec<String> {
    std::env::args().skip(1).filter(|word| word != "--bench").collect()
}

/// A number among the arguments, with `_` where it helps.
pub(crate) fn number(arguments: &[String], at: usize, default: u64) -> u64 {
    let word = arguments.get(at);
    word.and_then(|word| word.replace('_', "").parse().ok()).unwrap_or(default)
}

/// CPU seconds of the program so far, all its threads together.
pub(crate) fn cpu() -> f64 {
    cpu_time::ProcessTime::now().as_duration().as_secs_f64()
}

/// The middle one, the larger of two; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
