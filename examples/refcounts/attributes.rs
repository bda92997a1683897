//! What stands behind a dot.

use crate::error::VmError;
use crate::value::{Text, Value};
use crate::world::World;

impl<'a> World<'a> {
    pub fn attribute(&self, value: &Value<'a>, name: &str) -> Result<Value<'a>, VmError> {
        let text = |text: &str| Text::value(self.heap, [text, ""]);
        match (value, name) {
            (Value::Function(function), "__code__") => self.proxy(function.code.get()).map(Value::Code),
            (Value::Function(function), "__name__") => text(function.code.get().get().name),
            (Value::Code(code), "name") => text(code.name()),
            (Value::Code(code), "size") => Ok(Value::Int(code.size()? as i64)),
            (Value::Code(code), "module") => code.module().map_or(Ok(Value::None), text),
            (Value::Code(code), "id") => Ok(Value::Int(code.id() as i64)),
            (Value::Code(code), "permanent") => Ok(Value::Bool(code.is_permanent())),
            _ => Err(VmError::Name(format!("{}.{name}", value.kind()))),
        }
    }

    /// `f.__code__ = code`: frames and generators that run the old code go on with it.
    pub fn set_attribute(&self, object: &Value<'a>, name: &str, value: &Value<'a>) -> Result<(), VmError> {
        let (Value::Function(function), "__code__") = (object, name) else {
            return Err(VmError::Name(format!("{}.{name} to assign to", object.kind())));
        };
        let Value::Code(code) = value else {
            return Err(VmError::Type(format!("a function's code cannot be {}", value.kind())));
        };
        let old = function.code.install(code);
        if usize::from(function.code.get().get().captured) == function.captured.len() {
            return Ok(());
        }
        function.code.replace(old);
        Err(VmError::Value("the code wants other variables of enclosing functions"))
    }
}
