//! The guide: how to build an interpreter on permacode. There is nothing to call in it, and each example in it is run as a test.
//!
//! | chapter | answers |
//! | --- | --- |
//! | [`first_machine`] | How do the parts go together? A machine in eight steps, from a tree to code that is replaced. |
//! | [`lives`] | How long should an arena live, and who owns it? |
//! | [`sealing`] | Seal each module, or all at once? |
//! | [`prefork`] | How do forked workers share code, and how do I check it? |
//! | [`eval`] | Where does code lie that comes and goes, and what does a collector do about it? |
//! | [`collector`] | How do I free what my program does not reach any more? |
//! | [`engines`] | How does an interpreter become one value that owns its arenas? |
//! | [`owners`] | What keeps code in a store, in a value, or between threads? |
//! | [`async_machines`] | What may go to another thread, and what may cross an `await`? |
//! | [`images`] | How do processes share loaded code, and start without loading it? |
//! | [`migration`] | How do I get there from `Rc<Code>`? |
//! | [`costs`] | What does each call cost? |
//! | [`hardening`] | How hard is it to change sealed code? |
//! | [`c`] | How does an interpreter in C use it? |
//! | [`debugging`] | Whose code did a stray store hit, and what do profilers, debuggers and the unwinder see of code? |
//! | [`refusals`] | How do I test that my language survives when memory is refused? |
//! | [`limits`] | What can permacode not do, and what can a script that nobody trusts? |
//! | [`comparison`] | When should I use something else? |
//! | [`examples`] | Where is a program to read? |
//! | [`glossary`] | What does this word mean? |
//! | [`security`], [`changelog`] | The files of these names. |

#[doc = include_str!("guide/first_machine.md")]
pub mod first_machine {}

#[doc = include_str!("guide/lives.md")]
pub mod lives {}

#[doc = include_str!("guide/sealing.md")]
pub mod sealing {}

#[doc = include_str!("guide/prefork.md")]
pub mod prefork {}

#[doc = include_str!("guide/eval.md")]
pub mod eval {}

#[doc = include_str!("guide/collector.md")]
pub mod collector {}

#[doc = include_str!("guide/engines.md")]
pub mod engines {}

#[doc = include_str!("guide/owners.md")]
pub mod owners {}

#[doc = include_str!("guide/async_machines.md")]
pub mod async_machines {}

#[cfg(all(feature = "image", target_os = "linux", target_pointer_width = "64"))]
#[doc = include_str!("guide/images.md")]
pub mod images {}

#[doc = include_str!("guide/migration.md")]
pub mod migration {}

#[doc = include_str!("guide/costs.md")]
pub mod costs {}

#[doc = include_str!("guide/hardening.md")]
pub mod hardening {}

#[doc = include_str!("guide/c.md")]
pub mod c {}

#[cfg(all(feature = "fault-report", target_os = "linux"))]
#[doc = include_str!("guide/debugging.md")]
pub mod debugging {}

#[doc = include_str!("guide/refusals.md")]
pub mod refusals {}

#[doc = include_str!("guide/limits.md")]
pub mod limits {}

#[doc = include_str!("guide/comparison.md")]
pub mod comparison {}

#[doc = include_str!("guide/examples.md")]
pub mod examples {}

#[doc = include_str!("guide/glossary.md")]
pub mod glossary {}

#[doc = include_str!("../SECURITY.md")]
pub mod security {}

#[doc = include_str!("../CHANGELOG.md")]
pub mod changelog {}
