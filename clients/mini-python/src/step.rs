//! The instructions. They are read through a plain reference that is borrowed from the frame's own handle.

use crate::code::{Code, Const, Op};
use crate::error::VmError;
use crate::frame::Frame;
use crate::operators;
use crate::value::{Cursor, Function, List, Value, Values, Variable, push};
use crate::world::World;
use allocator_api2::vec::Vec as HeapVec;
use permacode::HeapRc;

/// Why a frame stops: what comes next concerns other frames.
pub enum Exit<'a> {
    /// The callee and so many arguments are on the stack.
    Call(usize),
    /// The generator on the stack should give its next item; if it has none, go on at `end`.
    Item {
        end: usize,
    },
    Yield(Value<'a>),
    Return(Value<'a>),
}

fn pop<'a>(slots: &mut Values<'a>) -> Result<Value<'a>, VmError> {
    slots.pop().ok_or(VmError::Code)
}

fn slot<'s, 'a>(slots: &'s mut Values<'a>, number: u16) -> Result<&'s mut Value<'a>, VmError> {
    slots.get_mut(usize::from(number)).ok_or(VmError::Code)
}

/// A variable's value.
fn assigned<'a>(value: &Value<'a>) -> Result<Value<'a>, VmError> {
    match value {
        Value::Unset => Err(VmError::Name("a local variable".to_owned())),
        value => Ok(value.clone()),
    }
}

/// Takes the last values off the stack.
fn take<'a>(slots: &mut Values<'a>, count: u16) -> Result<Values<'a>, VmError> {
    let at = slots.len().checked_sub(count.into()).ok_or(VmError::Code)?;
    let mut items = HeapVec::new_in(*slots.allocator());
    items.try_reserve(count.into()).map_err(crate::error::memory(count.into()))?;
    items.extend(slots.drain(at..));
    Ok(items)
}

impl<'a> Frame<'a> {
    /// Runs until something concerns other frames.
    pub fn run(&mut self, world: &mut World<'a>) -> Result<Exit<'a>, VmError> {
        let Self { code: handle, function, caches, next, slots } = self;
        let caches = *caches;
        let code = handle.get();
        let captured = |number: u16| -> Result<&HeapRc<'a, Variable<'a>>, VmError> {
            function.as_ref().and_then(|function| function.captured.get(usize::from(number))).ok_or(VmError::Code)
        };
        let cache = |site: u16| caches.get(usize::from(site));
        loop {
            let op = *code.ops.get(*next).ok_or(VmError::Code)?;
            *next += 1;
            match op {
                Op::Const(number) => {
                    let value = match code.consts.get(usize::from(number)).ok_or(VmError::Code)? {
                        Const::None => Value::None,
                        Const::Bool(bool) => Value::Bool(*bool),
                        Const::Int(int) => Value::Int(*int),
                        Const::Text(text, site) => world.constants.text(code, *site, text)?,
                        Const::Code(_) => return Err(VmError::Code),
                    };
                    push(slots, value)?;
                }
                Op::Local(number) => {
                    let value = assigned(slot(slots, number)?)?;
                    push(slots, value)?;
                }
                Op::SetLocal(number) => {
                    let value = pop(slots)?;
                    *slot(slots, number)? = value;
                }
                Op::DeleteLocal(number) => {
                    let local = slot(slots, number)?;
                    assigned(local)?;
                    *local = Value::Unset;
                }
                Op::Cell(number) => {
                    let value = assigned(&cell(slots, number)?.value.borrow())?;
                    push(slots, value)?;
                }
                Op::SetCell(number) => {
                    let value = pop(slots)?;
                    drop(cell(slots, number)?.value.replace(value));
                }
                Op::Captured(number) => {
                    let value = assigned(&captured(number)?.value.borrow())?;
                    push(slots, value)?;
                }
                Op::SetCaptured(number) => drop(captured(number)?.value.replace(pop(slots)?)),
                Op::ShareCell(number) => {
                    let variable = cell(slots, number)?.clone();
                    push(slots, Value::Variable(variable))?;
                }
                Op::ShareCaptured(number) => push(slots, Value::Variable(captured(number)?.clone()))?,
                Op::Global(site) => push(slots, world.global(cache(site), || code.name_at(site))?)?,
                Op::SetGlobal(site) => world.set_global(cache(site), || code.name_at(site), pop(slots)?)?,
                Op::DeleteGlobal(number) => world.globals.delete(code.name(number)?)?,
                Op::Function { code: number, captured } => {
                    let inner = handle.project::<Code<'_>>(|code| match code.consts.get(usize::from(number)) {
                        Some(Const::Code(inner)) => Some(*inner),
                        _ => None,
                    })?;
                    let mut variables = HeapVec::new_in(world.heap);
                    for value in take(slots, captured.into())? {
                        let Value::Variable(variable) = value else { return Err(VmError::Code) };
                        push(&mut variables, variable)?;
                    }
                    let code = inner.ok_or(VmError::Code)?.into();
                    let function = HeapRc::new(world.heap, Function { code, captured: variables })?;
                    push(slots, Value::Function(function))?;
                }
                Op::Attribute(site) => {
                    let object = pop(slots)?;
                    push(slots, world.get_attribute(cache(site), || code.name_at(site), &object)?)?;
                }
                Op::SetAttribute(site) => {
                    let (object, value) = (pop(slots)?, pop(slots)?);
                    world.set_attribute(cache(site), || code.name_at(site), &object, &value)?;
                }
                Op::Index => {
                    let (index, value) = (pop(slots)?, pop(slots)?);
                    push(slots, operators::index(&value, &index)?)?;
                }
                Op::Binary(operator) => {
                    let (b, a) = (pop(slots)?, pop(slots)?);
                    push(slots, operators::binary(world.heap, operator, &a, &b)?)?;
                }
                Op::Not => {
                    let value = pop(slots)?;
                    push(slots, Value::Bool(!value.is_true()))?;
                }
                Op::Negative => {
                    let value = pop(slots)?;
                    push(slots, operators::negative(&value)?)?;
                }
                Op::Pop => drop(pop(slots)?),
                Op::Jump(to) => *next = to.into(),
                Op::JumpIfFalse(to) => {
                    if !pop(slots)?.is_true() {
                        *next = to.into();
                    }
                }
                Op::JumpIfFalseOrPop(to) | Op::JumpIfTrueOrPop(to) => {
                    let jumps_if = matches!(op, Op::JumpIfTrueOrPop(_));
                    if slots.last().ok_or(VmError::Code)?.is_true() == jumps_if {
                        *next = to.into();
                    } else {
                        pop(slots)?;
                    }
                }
                Op::List(count) | Op::Tuple(count) => {
                    let items = take(slots, count)?;
                    push(slots, List::value(items, matches!(op, Op::Tuple(_)))?)?;
                }
                Op::Append(number) => {
                    let item = pop(slots)?;
                    let Value::List(list) = slot(slots, number)? else { return Err(VmError::Code) };
                    push(&mut HeapRc::get_mut(list).ok_or(VmError::Code)?.items, item)?;
                }
                Op::Iterate => {
                    let value = pop(slots)?;
                    let iterator = match value {
                        Value::List(list) => Cursor::value(world.heap, 0, list.items.len() as i64, Some(list))?,
                        Value::Generator(_) | Value::Cursor(_) => value,
                        other => return Err(VmError::Type(format!("{} has no items", other.kind()))),
                    };
                    push(slots, iterator)?;
                }
                Op::For(end) => {
                    let item = match slots.last() {
                        Some(Value::Cursor(cursor)) => cursor.next(),
                        Some(Value::Generator(_)) => return Ok(Exit::Item { end: end.into() }),
                        _ => return Err(VmError::Code),
                    };
                    match item {
                        Some(item) => push(slots, item)?,
                        None => {
                            pop(slots)?;
                            *next = end.into();
                        }
                    }
                }
                Op::Call(args) => return Ok(Exit::Call(args.into())),
                Op::Yield => return Ok(Exit::Yield(pop(slots)?)),
                Op::Return => return Ok(Exit::Return(pop(slots)?)),
            }
        }
    }
}

/// A local that inner functions share.
fn cell<'s, 'a>(slots: &'s mut Values<'a>, number: u16) -> Result<&'s HeapRc<'a, Variable<'a>>, VmError> {
    match slot(slots, number)? {
        Value::Variable(variable) => Ok(variable),
        _ => Err(VmError::Code),
    }
}
