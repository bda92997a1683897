-- stackvm.lua: a stack machine with a two-pass assembler.
--
-- Assembly text (one long string literal per program) is assembled into
-- packed 32-bit words: opcode in the low byte, a signed operand above it.  The
-- machine has data and call stacks, frames with locals, memory and traps.
-- Programs: iterative factorial, recursive Fibonacci, a sieve of Eratosthenes,
-- Collatz lengths and string output; their results are checked.

local names <const> = {
  "halt", "push", "pop", "dup", "swap", "over", "add", "sub", "mul", "div", "mod", "and", "or", "xor",
  "shl", "shr", "eq", "lt", "gt", "not", "jmp", "jz", "jnz", "call", "ret", "load", "store", "get",
  "set", "out", "emit", "str",
}
local opcode = {}
for i, name in ipairs(names) do opcode[name] = i - 1 end
local takes_operand = { push = true, jmp = true, jz = true, jnz = true, call = true, get = true, set = true, ret = true, str = true }

local function assemble(source)
  local code, labels, fixups, constants, strings = {}, {}, {}, {}, {}
  local number = 0
  local function fail(text) error("asm line " .. number .. ": " .. text, 0) end

  for line in source:gmatch "([^\n]*)\n?" do
    number = number + 1
    local text = line:gsub(";.*$", "")        -- the loop variable itself is read-only
    local label, rest = text:match "^%s*([%a_]%w*):%s*(.*)$"
    if label then
      if labels[label] then fail("label '" .. label .. "' is already defined") end
      labels[label], text = #code, rest
    end
    local op, operand = text:match "^%s*([%.%a]+)%s*(.-)%s*$"
    if op == ".const" then
      local name, value = operand:match "^(%w+)%s+(%S+)$"
      constants[name] = tonumber(value) or fail("bad constant")
    elseif op then
      local word = opcode[op] or fail("no instruction '" .. op .. "'")
      if takes_operand[op] and operand == "" then fail(op .. " needs an operand") end
      if op == "str" then
        strings[#strings + 1] = operand:match '^"(.*)"$' or fail("bad string")
        operand = tostring(#strings)
      end
      code[#code + 1] = word
      if operand ~= "" then fixups[#code] = { operand = operand, line = number } end
    end
  end
  for at = 1, #code do
    local fix = fixups[at]
    if fix then
      local value = math.tointeger(tonumber(fix.operand)) or constants[fix.operand] or labels[fix.operand]
      if not value then
        number = fix.line
        fail("undefined '" .. fix.operand .. "'")
      end
      code[at] = (code[at] | value << 8) & 0xFFFFFFFF
    end
  end
  return { code = code, strings = strings, labels = labels }
end

local function disassemble(program, first, last)
  local lines = {}
  for at = first, last do
    local word = program.code[at + 1]
    local name, operand = names[(word & 0xFF) + 1], word >> 8
    if operand >= 1 << 23 then operand = operand - (1 << 24) end
    lines[#lines + 1] = string.format("%d:%08x:%s%s", at, word, name, takes_operand[name] and " " .. operand or "")
  end
  return table.concat(lines, ", ")
end

local function run(program, limit, ...)
  local code, memory, stack, top = program.code, {}, { ... }, select("#", ...)
  local frames, frame, pc, steps, output = {}, {}, 0, 0, {}

  local function pop()
    if top == 0 then error("stack underflow at " .. pc - 1, 0) end
    local value = stack[top]
    top = top - 1
    return value
  end
  local function push(value)
    top = top + 1
    stack[top] = value
  end
  local function binary(f)
    return function()
      local b, a = pop(), pop()
      push(f(a, b))
    end
  end

  local execute = {
    pop = pop,
    dup = function() local a = pop(); push(a); push(a) end,
    swap = function() local b, a = pop(), pop(); push(b); push(a) end,
    over = function() local b, a = pop(), pop(); push(a); push(b); push(a) end,
    add = binary(function(a, b) return a + b end),
    sub = binary(function(a, b) return a - b end),
    mul = binary(function(a, b) return a * b end),
    div = binary(function(a, b)
      if b == 0 then error("division by zero at " .. pc - 1, 0) end
      return a // b
    end),
    mod = binary(function(a, b) return a % b end),
    ["and"] = binary(function(a, b) return a & b end),
    ["or"] = binary(function(a, b) return a | b end),
    xor = binary(function(a, b) return a ~ b end),
    shl = binary(function(a, b) return a << b end),
    shr = binary(function(a, b) return a >> b end),
    eq = binary(function(a, b) return a == b and 1 or 0 end),
    lt = binary(function(a, b) return a < b and 1 or 0 end),
    gt = binary(function(a, b) return a > b and 1 or 0 end),
    ["not"] = function() push(pop() == 0 and 1 or 0) end,
    push = push,
    jmp = function(to) pc = to end,
    jz = function(to) if pop() == 0 then pc = to end end,
    jnz = function(to) if pop() ~= 0 then pc = to end end,
    call = function(to)
      frames[#frames + 1] = { pc = pc, frame = frame }
      frame, pc = {}, to
    end,
    ret = function(count)
      local back = table.remove(frames) or error("return without a call", 0)
      local result = count == 1 and pop() or nil
      frame, pc = back.frame, back.pc
      if result then push(result) end
    end,
    load = function() push(memory[pop()] or 0) end,
    store = function() local address = pop(); memory[address] = pop() end,
    get = function(slot) push(frame[slot] or 0) end,
    set = function(slot) frame[slot] = pop() end,
    out = function() output[#output + 1] = string.format("%d ", pop()) end,
    emit = function() output[#output + 1] = string.char(pop()) end,
    str = function(index) output[#output + 1] = program.strings[index] end,
  }
  local dispatch = table.create and table.create(#names) or {}
  for i, name in ipairs(names) do dispatch[i] = execute[name] or false end

  while true do
    local word = code[pc + 1] or error("pc out of code: " .. pc, 0)
    pc, steps = pc + 1, steps + 1
    local action = dispatch[(word & 0xFF) + 1]
    if not action then break end
    if steps > limit then error("step limit reached at " .. pc - 1, 0) end
    local operand = word >> 8
    if operand & 0x800000 ~= 0 then operand = operand - 0x1000000 end
    action(operand)
  end
  return table.concat(output), steps, top
end

local factorial = assemble [[
        set 0           ; n is on the stack at the start
        push 1
loop:   get 0
        mul
        get 0
        push 1
        sub
        dup
        set 0
        jnz loop
        out
        halt ]]

local fibonacci = assemble [[
        call fib
        out
        halt
fib:    set 0
        get 0
        push 2
        lt
        jnz small
        get 0
        push 1
        sub
        call fib
        get 0
        push -2         ; negative operands are sign extended
        add
        call fib
        add
        ret 1
small:  get 0
        ret 1 ]]

local sieve = assemble [[
        .const limit 200
        .const true 1
        push 2
next:   dup             ; ( p ) the stack holds the candidate throughout
        push limit
        gt
        jnz done
        dup
        load
        jnz skip
        dup
        out
        dup
        dup
        mul             ; ( p m )
cross:  dup
        push limit
        gt
        jnz over1
        dup
        push true
        swap
        store
        over
        add
        jmp cross
over1:  pop
skip:   push 1
        add
        jmp next
done:   pop
        halt ]]

local hello = assemble [[
        str "printed by the stack machine from a string operand that is quite long, "
        push 26
again:  dup
        push 91
        swap
        sub
        emit
        push 1
        sub
        dup
        jnz again
        halt ]]

print("factorial", run(factorial, 1000, 20))
print("fibonacci", run(fibonacci, 100000, 15))
print("sieve", run(sieve, 100000))
print("hello", run(hello, 1000))
print(disassemble(fibonacci, 0, 13))
for _, case in ipairs {
  { "push 1\npush 0\ndiv\nhalt" }, { "add" }, { "x: jmp x" }, { "ret 1" }, { "push 1" },
  { "jmp nowhere" }, { "push" }, { "a: halt\na: halt" }, { "\n\nfly 3" },
} do
  print("trap", (select(2, pcall(function() return run(assemble(case[1]), 50) end))))
end
