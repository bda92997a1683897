//! What stands behind a dot.

use crate::error::VmError;
use crate::value::{Text, Value};
use crate::world::World;

/// An attribute of some class of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    FunctionCode,
    FunctionName,
    CodeName,
    CodeSize,
    CodeModule,
    CodeId,
    CodePermanent,
}

/// Objects of one class have the same attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Plain,
    Function,
    Code,
}

impl Attribute {
    const ALL: [(Class, &'static str, Self); 7] = [
        (Class::Function, "__code__", Self::FunctionCode),
        (Class::Function, "__name__", Self::FunctionName),
        (Class::Code, "name", Self::CodeName),
        (Class::Code, "size", Self::CodeSize),
        (Class::Code, "module", Self::CodeModule),
        (Class::Code, "id", Self::CodeId),
        (Class::Code, "permanent", Self::CodePermanent),
    ];

    /// Which attribute a name stands for, as a number for caches.
    pub fn find(class: Class, name: &str) -> Option<u32> {
        Self::ALL.iter().zip(0..).find_map(|(known, number)| ((known.0, known.1) == (class, name)).then_some(number))
    }

    /// The same, if programs may assign to it.
    pub fn find_to_assign(class: Class, name: &str) -> Option<u32> {
        Self::find(class, name).filter(|number| Self::numbered(*number) == Ok(Self::FunctionCode))
    }

    pub fn numbered(number: u32) -> Result<Self, VmError> {
        Self::ALL.get(number as usize).map(|known| known.2).ok_or(VmError::Code)
    }
}

impl Class {
    pub fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Function(_) => Self::Function,
            Value::Code(_) => Self::Code,
            _ => Self::Plain,
        }
    }
}

impl<'a> World<'a> {
    pub fn attribute(&self, value: &Value<'a>, attribute: Attribute) -> Result<Value<'a>, VmError> {
        let text = |text: &str| Text::value(self.heap, [text, ""]);
        match (attribute, value) {
            (Attribute::FunctionCode, Value::Function(function)) => self.proxy(function.code.get()).map(Value::Code),
            (Attribute::FunctionName, Value::Function(function)) => text(function.code.get().get().name),
            (Attribute::CodeName, Value::Code(code)) => text(code.name()),
            (Attribute::CodeSize, Value::Code(code)) => Ok(Value::Int(code.size()? as i64)),
            (Attribute::CodeModule, Value::Code(code)) => code.module().map_or(Ok(Value::None), text),
            (Attribute::CodeId, Value::Code(code)) => Ok(Value::Int(code.id() as i64)),
            (Attribute::CodePermanent, Value::Code(code)) => Ok(Value::Bool(code.is_permanent())),
            _ => Err(VmError::Code),
        }
    }

    /// `f.__code__ = code`: frames and generators that run the old code go on with it.
    pub fn set_code(&self, function: &Value<'a>, code: &Value<'a>) -> Result<(), VmError> {
        let Value::Function(function) = function else { return Err(VmError::Code) };
        let Value::Code(code) = code else {
            return Err(VmError::Type(format!("a function's code cannot be {}", code.kind())));
        };
        let old = function.code.install(code);
        if usize::from(function.code.get().get().captured) == function.captured.len() {
            return Ok(());
        }
        function.code.replace(old);
        Err(VmError::Value("the code wants other variables of enclosing functions"))
    }
}
