use authgap::audit::{self, Options};
fn main() {
    let paths = std::env::args().skip(1).map(Into::into).collect();
    let options = Options { paths, ..Options::default() };
    let t = std::time::Instant::now();
    let evidence = match audit::read(&options, &authgap::evidence::NoProgress) {
        Ok(e) => e,
        Err(d) => {
            for d in d {
                eprint!("{}", d.render());
            }
            std::process::exit(2)
        }
    };
    eprintln!("read {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let outcome = audit::analyse(&evidence, &options);
    eprintln!("analyse {:?}", t.elapsed());
    let report = authgap::report::build::build(&evidence, &outcome, &options);
    eprintln!("build {:?}", t.elapsed());
    for w in &evidence.warnings {
        eprint!("{}", w.render());
    }
    println!("{}", serde_json::to_string(&report).unwrap());
}
