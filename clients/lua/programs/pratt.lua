-- pratt.lua: an expression language with a Pratt parser and an evaluator.
--
-- Numbers (integer, float, hex), strings, names, calls, lists, indexing,
-- lambdas, conditionals, let-bindings, and operators from `or` to `^` with
-- their own precedence and associativity.  The syntax tree is printed back as
-- an S-expression and evaluated.

local Parser = {}
Parser.__index = Parser

local keywords = { ["and"] = true, ["or"] = true, ["not"] = true, ["let"] = true, ["in"] = true, ["fn"] = true }
local operators = { "->", "==", "!=", "<=", ">=", "<<", ">>", "//", "..", "[%-+*/%%^<>=()%[%],?:]" }

local function lex(source)
  local tokens, pos = {}, 1
  local function push(kind, value, at) tokens[#tokens + 1] = { kind = kind, value = value, at = at } end
  while true do
    pos = source:find("%S", pos)
    if not pos then break end
    local start, text = pos, nil
    if source:find("^%d", pos) then
      text = source:match("^0[xX]%x+", pos) or source:match("^%d+%.%d+", pos) or source:match("^%d+", pos)
      push("number", tonumber(text), start)
    elseif source:find("^[%a_]", pos) then
      text = source:match("^[%w_]+", pos)
      push(keywords[text] and text or "name", text, start)
    elseif source:find('^"', pos) then
      text = source:match('^"[^"]*"', pos) or error("unfinished string at " .. pos, 0)
      push("string", text:sub(2, -2), start)
    else
      for _, op in ipairs(operators) do
        text = #op == 2 and (source:sub(pos, pos + 1) == op and op) or #op > 2 and source:match("^" .. op, pos)
        if text then break end
      end
      if not text then error("unexpected '" .. source:sub(pos, pos) .. "' at " .. pos, 0) end
      push(text, text, start)
    end
    pos = pos + #text
  end
  push("end", "end of input", #source + 1)
  return tokens
end

local prefix, infix = {}, {}

function Parser:next()
  local token = self.tokens[self.pos]
  self.pos = self.pos + 1
  return token
end

function Parser:peek() return self.tokens[self.pos].kind end

function Parser:expect(kind)
  local token = self:next()
  if token.kind ~= kind then
    error(string.format("expected '%s' but found '%s' at %d", kind, token.value, token.at), 0)
  end
  return token
end

function Parser:expression(minimum)
  local token = self:next()
  local rule = prefix[token.kind]
  if not rule then error(string.format("unexpected '%s' at %d", token.value, token.at), 0) end
  local left = rule(self, token)
  while true do
    local op = infix[self:peek()]
    if not op or op.power < minimum then return left end
    left = op.parse(self, left, self:next())
  end
end

function Parser:list(close)
  local items = {}
  while self:peek() ~= close do
    items[#items + 1] = self:expression(0)
    if self:peek() ~= "," then break end
    self:next()
  end
  self:expect(close)
  return items
end

local function binary(power, right, ...)
  for _, name in ipairs { ... } do
    infix[name] = { power = power, parse = function(p, left)
      return { name, left, p:expression(right and power or power + 1) }
    end }
  end
end

binary(20, false, "or")
binary(30, false, "and")
binary(40, false, "==", "!=", "<", "<=", ">", ">=")
binary(50, true, "..")
binary(55, false, "<<", ">>")
binary(60, false, "+", "-")
binary(70, false, "*", "/", "//", "%")
binary(90, true, "^")
infix["?"] = { power = 10, parse = function(p, left)
  local yes = p:expression(0)
  p:expect ":"
  return { "if", left, yes, p:expression(10) }
end }
infix["("] = { power = 100, parse = function(p, left) return { "call", left, table.unpack(p:list ")") } end }
infix["["] = { power = 100, parse = function(p, left)
  local index = p:expression(0)
  p:expect "]"
  return { "index", left, index }
end }

local function constant(_, token) return { "const", token.value } end
prefix.number, prefix.string = constant, constant
prefix.name = function(_, token) return { "name", token.value } end
prefix["-"] = function(p) return { "neg", p:expression(80) } end
prefix["not"] = function(p) return { "not", p:expression(80) } end
prefix["["] = function(p) return { "list", table.unpack(p:list "]") } end
prefix["("] = function(p)
  local inner = p:expression(0)
  p:expect ")"
  return inner
end
prefix["let"] = function(p)
  local name = p:expect("name").value
  p:expect "="
  local value = p:expression(0)
  p:expect "in"
  return { "let", name, value, p:expression(0) }
end
prefix["fn"] = function(p)
  local names = {}
  while p:peek() == "name" do names[#names + 1] = p:next().value end
  p:expect "->"
  return { "fn", names, p:expression(0) }
end

local function parse(source)
  local parser = setmetatable({ tokens = lex(source), pos = 1 }, Parser)
  local tree = parser:expression(0)
  parser:expect "end"
  return tree
end

local function show(tree)
  if type(tree) ~= "table" then return tostring(tree) end
  if tree[1] == "const" then return type(tree[2]) == "string" and '"' .. tree[2] .. '"' or tostring(tree[2]) end
  if tree[1] == "name" then return tree[2] end
  local parts = {}
  for i = 1, #tree do parts[i] = show(tree[i]) end
  return "(" .. table.concat(parts, " ") .. ")"
end

local arithmetic = {
  ["+"] = function(a, b) return a + b end, ["-"] = function(a, b) return a - b end,
  ["*"] = function(a, b) return a * b end, ["/"] = function(a, b) return a / b end,
  ["//"] = function(a, b) return a // b end, ["%"] = function(a, b) return a % b end,
  ["^"] = function(a, b) return a ^ b end, [".."] = function(a, b) return a .. b end,
  ["<<"] = function(a, b) return a << b end, [">>"] = function(a, b) return a >> b end,
  ["=="] = function(a, b) return a == b end, ["!="] = function(a, b) return a ~= b end,
  ["<"] = function(a, b) return a < b end, ["<="] = function(a, b) return a <= b end,
  [">"] = function(a, b) return a > b end, [">="] = function(a, b) return a >= b end,
  neg = function(a) return -a end, ["not"] = function(a) return not a end,
  index = function(list, i) return list[i] end,
}
local special = {}

local function eval(tree, env)
  local op = arithmetic[tree[1]]
  if op then return op(eval(tree[2], env), tree[3] and eval(tree[3], env)) end
  return special[tree[1]](tree, env)
end

function special.const(t) return t[2] end
function special.name(t, env)
  local value = env[t[2]]
  if value == nil then error("unknown name '" .. t[2] .. "'", 0) end
  return value
end
special["and"] = function(t, env) return eval(t[2], env) and eval(t[3], env) end
special["or"] = function(t, env) return eval(t[2], env) or eval(t[3], env) end
special["if"] = function(t, env)
  if eval(t[2], env) then return eval(t[3], env) end
  return eval(t[4], env)
end
function special.list(t, env)
  local items = {}
  for i = 2, #t do items[i - 1] = eval(t[i], env) end
  return items
end
function special.call(t, env)
  return eval(t[2], env)(table.unpack(special.list({ "list", table.unpack(t, 3) }, env)))
end
function special.let(t, env)
  local scope = setmetatable({}, { __index = env })
  scope[t[2]] = eval(t[3], scope)
  return eval(t[4], scope)
end
function special.fn(t, env)
  return function(...)
    local scope = setmetatable({}, { __index = env })
    for i, name in ipairs(t[2]) do scope[name] = (select(i, ...)) end
    return eval(t[3], scope)
  end
end

local globals = {
  pi = 3.14159, yes = true, no = false, sqrt = math.sqrt, len = function(v) return #v end,
  map = function(f, list)
    local out = {}
    for i, v in ipairs(list) do out[i] = f(v) end
    return out
  end,
  sum = function(list)
    local total = 0
    for _, v in ipairs(list) do total = total + v end
    return total
  end,
}

for _, source in ipairs {
  "1 + 2 * 3 - 4", "2 ^ 3 ^ 2", "-2 ^ 2", "(1 + 2) * 3 // 2 % 4", "7 / 2", "0xff >> 4 << 1",
  '"a" .. "b" .. 1 + 1', "1 < 2 and not (3 < 2) or no", "yes ? 1 : no ? 2 : 3", "[1, 2 + 3, [4]][2] * 10",
  "sqrt(16) + len([1, 2, 3,])", "let f = fn x y -> x * 10 + y in f(4, 2)", "sum(map(fn x -> x * x, [1, 2, 3, 4]))",
  "let fact = fn n -> n <= 1 ? 1 : n * fact(n - 1) in fact(20)", "(fn x -> fn y -> x - y)(10)(3)",
} do
  local tree = parse(source)
  print(string.format("%-22s = %s", tostring(eval(tree, globals)), show(tree)))
end

local fib = parse "let fib = fn n -> n < 2 ? n : fib(n - 1) + fib(n - 2) in fib(n)"
local results = {}
for n = 1, 14 do results[n] = eval(fib, setmetatable({ n = n }, { __index = globals })) end
print("fib", table.concat(results, " "))

for _, bad in ipairs { "1 +", "(1", "1 2", "fn 3 -> 4", "let x 1", "missing + 1", '"open', "3 $ 4", "" } do
  print("error", (select(2, pcall(function() return eval(parse(bad), globals) end))))
end
