//! 100,000 code objects, sized like real ones: filling an arena with them, sealing it, reading them again.
//!
//! `cargo bench --bench code` prints the tables of BENCHMARKS.md; `-- --rounds 5` is quicker, and rougher.
//!
//! * **warm**: the memory is resident before the clock starts. bumpalo: a `Bump` that held the same objects before and was `reset`.
//!   permacode: a new arena with `prefault`, because it never uses a page twice. Boxes: the heap after the same objects were freed.
//! * **fresh**: each sample is a process of its own, which takes its first page inside the timed part.
//!
//! Every sample ends with a checksum over all objects, so that an allocator that mixes them up cannot win. That is also the scan.

#[path = "harness/mod.rs"]
mod harness;
#[path = "harness/options.rs"]
mod options;
#[path = "code/shapes.rs"]
mod shapes;
#[path = "code/ways.rs"]
mod ways;

use bumpalo::Bump;
use harness::{Clock, Samples, interleave, print_table};
use options::Options;
use permacode::code::CodeArenaBuilder;
use permacode::{CodeArena, OpenModule};
use shapes::{Input, OBJECTS, checksum, next};
use std::error::Error;
use std::hint::black_box;
use std::time::Duration;
use ways::{BLOCK_HEADER, Code, Heap, Separate, Together, Viewed, Way};

const SUBJECTS: [&str; 7] = [
    "bumpalo, four allocations",
    "bumpalo, one block",
    "permacode, four allocations",
    "permacode, one block",
    "permacode on huge pages, four allocations",
    "permacode on huge pages, one block",
    "system allocator, four boxes",
];
/// Whom each is compared with: bumpalo in the same way.
const BASES: [usize; SUBJECTS.len()] = [0, 1, 0, 1, 0, 1, 0];
/// Room for all objects in one piece, with their gaps.
const CAPACITY: usize = 80 << 20;
/// Read before each timed part, so that no subject finds its memory in the caches near the processor.
const OTHER_DATA: usize = 32 << 20;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let Some(options) = Options::asked() else { return Ok(()) };
    let bench = Bench { input: Input::new(), other_data: vec![1; OTHER_DATA / 8] };
    if let Some(subject) = options.number("--child") {
        let [fill, sealed, scan] = bench.run(subject, false)?.nanoseconds;
        println!("{fill} {sealed} {scan}");
        return Ok(());
    }
    let rounds = options.number("--rounds").unwrap_or(31);
    let [ops, whole, payload] = bench.input.sizes(size_of::<Code<'_>>());
    println!(
        "{OBJECTS} code objects: median {ops} B of bytecode, {whole} B in all, mean {} B; {rounds} rounds",
        payload / OBJECTS
    );
    let warm = interleave(rounds, SUBJECTS.len(), |subject| bench.run(subject, true).map(|filled| filled.nanoseconds))?;
    print("warm: memory resident before the clock starts; ns an object", &warm);
    print("fresh: a process for each sample; ns an object", &interleave(rounds, SUBJECTS.len(), child)?);
    bench.print_bytes()
}

fn print(title: &str, measured: &[[Samples; 3]]) {
    let row = |(subject, [fill, sealed, scan]): (usize, &[Samples; 3])| {
        let [base, _, base_scan] = &measured[BASES[subject]];
        let cells =
            [fill.cell(), fill.ratio_cell(base), sealed.ratio_cell(base), scan.cell(), scan.ratio_cell(base_scan)];
        [SUBJECTS[subject].to_string()].into_iter().chain(cells).collect()
    };
    let rows: Vec<_> = measured.iter().enumerate().map(row).collect();
    let head = ["subject", "fill", "of bumpalo's", "fill and seal", "scan", "of bumpalo's"];
    print_table(title, &head, &rows);
}

/// One sample in a new process.
fn child(subject: usize) -> Outcome<[f64; 3]> {
    let arguments = ["--bench", "--child", &subject.to_string()];
    let output = std::process::Command::new(std::env::current_exe()?).args(arguments).output()?;
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    <[f64; 3]>::try_from(numbers).map_err(|_| format!("a child said {text:?}: {}", output.status).into())
}

/// What one sample measured.
struct Filled {
    /// An object's share of the fill, of fill and seal, and of the scan.
    nanoseconds: [f64; 3],
    /// Bytes asked of the system for the objects; 0 where it cannot be told.
    claimed: usize,
    /// Those of them that were never touched and are left for the next objects.
    ahead: usize,
    /// Bytes in physical memory in the end, and those of them on huge pages, where the kernel says so.
    resident: Option<[usize; 2]>,
}

struct Bench {
    input: Input,
    other_data: Vec<u64>,
}

impl Bench {
    fn run(&self, subject: usize, warm: bool) -> Outcome<Filled> {
        match subject {
            0 => self.bumpalo(warm, &Separate),
            1 => self.bumpalo(warm, &Together::default()),
            2 => self.permacode(CodeArena::builder(), warm, &Separate),
            3 => self.permacode(CodeArena::builder(), warm, &Together::default()),
            4 => self.permacode(CodeArena::builder().huge_pages(), warm, &Separate),
            5 => self.permacode(CodeArena::builder().huge_pages(), warm, &Together::default()),
            _ => self.boxes(warm),
        }
    }

    fn permacode(
        &self,
        builder: CodeArenaBuilder,
        warm: bool,
        way: &impl for<'a> Way<OpenModule<'a>>,
    ) -> Outcome<Filled> {
        let arena = builder.prefault(if warm { CAPACITY } else { 0 }).build()?;
        let loader = arena.load("code")?;
        let mut objects = none();
        let start = self.start();
        self.fill(&loader, way, &mut objects)?;
        let fill = start.elapsed();
        loader.seal()?;
        let sealed = start.elapsed();
        let stats = arena.stats();
        let filled = self.filled([fill, sealed], &objects, [stats.claimed, stats.tails])?;
        Ok(Filled { resident: resident(&arena)?, ..filled })
    }

    fn bumpalo(&self, warm: bool, way: &impl for<'a> Way<&'a Bump>) -> Outcome<Filled> {
        let mut bump = Bump::with_capacity(if warm { CAPACITY } else { 0 });
        if warm {
            self.fill(&&bump, way, &mut none())?;
            bump.reset();
        }
        let mut objects = none();
        let start = self.start();
        self.fill(&&bump, way, &mut objects)?;
        let fill = start.elapsed();
        let bytes = [bump.allocated_bytes_including_metadata(), bump.chunk_capacity()];
        self.filled([fill; 2], &objects, bytes)
    }

    fn boxes(&self, warm: bool) -> Outcome<Filled> {
        if warm {
            self.fill(&Heap, &Separate, &mut none())?;
        }
        let mut objects = none();
        let start = self.start();
        self.fill(&Heap, &Separate, &mut objects)?;
        self.filled([start.elapsed(); 2], &objects, [0; 2])
    }

    /// Builds every object: what the clock runs for.
    #[inline(never)]
    fn fill<M, W: Way<M>>(
        &self,
        memory: &M,
        way: &W,
        objects: &mut [Option<W::Object>],
    ) -> Result<(), permacode::Error> {
        for (object, parts) in objects.iter_mut().zip(self.input.parts()) {
            *object = Some(way.build(memory, black_box(&parts))?);
        }
        Ok(())
    }

    /// Brings the caches into a state that is the same for all, and starts the clock.
    fn start(&self) -> Clock {
        black_box(self.other_data.iter().fold(0, |sum: u64, word| sum.wrapping_add(*word)));
        black_box(self.input.checksum());
        Clock::start()
    }

    /// Reads every byte of every object, oldest first, and compares.
    fn filled<O: Viewed>(&self, times: [Duration; 2], objects: &[Option<O>], bytes: [usize; 2]) -> Outcome<Filled> {
        let start = self.start();
        let read = objects.iter().flatten().fold(0, |sum, object| next(sum, checksum(&object.view())));
        let scan = start.elapsed();
        if read != self.input.checksum() {
            return Err("the objects are not what was put in".into());
        }
        let share = |time: Duration| time.as_nanos() as f64 / OBJECTS as f64;
        let nanoseconds = [share(times[0]), share(times[1]), share(scan)];
        Ok(Filled { nanoseconds, claimed: bytes[0], ahead: bytes[1], resident: None })
    }

    fn print_bytes(&self) -> Outcome<()> {
        let mut rows = Vec::new();
        for (subject, name) in SUBJECTS[..6].iter().enumerate() {
            let header = if subject % 2 == 0 { size_of::<Code<'_>>() } else { BLOCK_HEADER };
            let [.., payload] = self.input.sizes(header);
            let Filled { claimed, ahead, resident, .. } = self.run(subject, false)?;
            let over = |bytes: usize| format!("{:.4}", bytes as f64 / payload as f64);
            let [resident, huge] = resident.map_or([const { String::new() }; 2], |both| both.map(over));
            let counts = [payload.to_string(), claimed.to_string(), ahead.to_string()];
            let cells = counts.into_iter().chain([over(claimed), over(claimed - ahead), resident, huge]);
            rows.push([name.to_string()].into_iter().chain(cells).collect());
        }
        let head = [
            "subject",
            "payload",
            "claimed",
            "ahead",
            "claimed / payload",
            "(claimed − ahead) / payload",
            "resident / payload",
            "of it huge",
        ];
        print_table("bytes, filled from nothing; what was claimed ahead is left for what comes next", &head, &rows);
        Ok(())
    }
}

/// Bytes of code in physical memory, and those of them on huge pages.
#[cfg(target_os = "linux")]
fn resident(arena: &CodeArena) -> Outcome<Option<[usize; 2]>> {
    let residency = arena.residency()?;
    Ok(Some([residency.resident(), residency.huge()]))
}

#[cfg(not(target_os = "linux"))]
fn resident(_: &CodeArena) -> Outcome<Option<[usize; 2]>> {
    Ok(None)
}

/// Places for all objects, touched before the clock starts.
fn none<O>() -> Vec<Option<O>> {
    core::iter::repeat_with(|| None).take(OBJECTS).collect()
}
