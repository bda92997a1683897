-- regex.lua: regular expressions by Thompson's construction.
--
-- A recursive-descent parser turns a pattern into a syntax tree, a compiler
-- turns the tree into a program for a Pike machine (character, class, split,
-- jump, save), and the machine runs all threads in lock step, so matching is
-- linear in the text.  A naive backtracking matcher over the same tree serves
-- as a cross-check on many small inputs.

local function parse(pattern)
  local pos, groups = 1, 0
  local alternation

  local function peek() return pattern:sub(pos, pos) end
  local function fail(text) error(string.format("%s at %d in /%s/", text, pos, pattern), 0) end

  local shorthand = { d = "%d", w = "[%w_]", s = "%s" }

  local function class()
    local negate, ranges = false, {}
    pos = pos + 1
    if peek() == "^" then negate, pos = true, pos + 1 end
    repeat
      local low = peek()
      if low == "" then fail "unclosed class" end
      if low == "\\" then pos = pos + 1; low = peek() end
      local high = low
      if pattern:match("^%-[^%]]", pos + 1) then
        pos = pos + 2
        high = peek()
      end
      ranges[#ranges + 1] = { low:byte(), high:byte() }
      pos = pos + 1
    until peek() == "]"
    pos = pos + 1
    return { kind = "test", test = function(c)
      local byte = c:byte()
      for _, range in ipairs(ranges) do
        if byte >= range[1] and byte <= range[2] then return not negate end
      end
      return negate
    end }
  end

  local function atom()
    local c = peek()
    if c == "(" then
      pos = pos + 1
      local index
      if pattern:sub(pos, pos + 1) == "?:" then
        pos = pos + 2
      else
        groups = groups + 1
        index = groups
      end
      local inner = alternation()
      if peek() ~= ")" then fail "missing )" end
      pos = pos + 1
      return index and { kind = "group", index = index, inner } or inner
    elseif c == "[" then
      return class()
    elseif c:find "[*+?]" then
      fail "nothing to repeat"
    end
    pos = pos + 1
    if c == "." then
      return { kind = "test", test = function(x) return x ~= "\n" end }
    elseif c == "^" or c == "$" then
      return { kind = "anchor", at = c }
    elseif c == "\\" then
      c = peek()
      pos = pos + 1
      local set = shorthand[c]
      if set then return { kind = "test", test = function(x) return x:find(set) ~= nil end } end
    end
    return { kind = "char", char = c }
  end

  local function repetition()
    local node = atom()
    while true do
      local mark = peek()
      if mark ~= "" and ("*+?"):find(mark, 1, true) then
        pos = pos + 1
        local lazy = peek() == "?"
        if lazy then pos = pos + 1 end
        node = { kind = mark, lazy = lazy, node }
      elseif pattern:find("^{%d+,?%d*}", pos) then
        local low, comma, high, stop = pattern:match("^{(%d+)(,?)(%d*)}()", pos)
        local list = { kind = "sequence" }
        for _ = 1, tonumber(low) do list[#list + 1] = node end
        if comma == "" then
          high = low
        elseif high == "" then
          list[#list + 1] = { kind = "*", node }
        end
        for _ = tonumber(low) + 1, tonumber(high) or 0 do list[#list + 1] = { kind = "?", node } end
        node, pos = list, stop
      else
        return node
      end
    end
  end

  function alternation()
    local choices = { kind = "choice" }
    repeat
      local list = { kind = "sequence" }
      while peek() ~= "" and peek() ~= "|" and peek() ~= ")" do list[#list + 1] = repetition() end
      choices[#choices + 1] = list
      local more = peek() == "|"
      if more then pos = pos + 1 end
    until not more
    return #choices == 1 and choices[1] or choices
  end

  local tree = alternation()
  if pos <= #pattern then fail "unexpected )" end
  return tree, groups
end

local function compile(pattern)
  local tree, groups = parse(pattern)
  local program = {}
  local function emit(op, x, y)
    program[#program + 1] = { op = op, x = x, y = y }
    return program[#program], #program
  end
  local function split(lazy, a, b)
    if lazy then a, b = b, a end
    return a, b
  end
  local generate = {}
  local function gen(node) generate[node.kind](node) end
  function generate.char(node) emit("char", node.char) end
  function generate.test(node) emit("test", node.test) end
  function generate.anchor(node) emit(node.at) end
  function generate.sequence(node) for _, child in ipairs(node) do gen(child) end end
  function generate.group(node)
    emit("save", 2 * node.index + 1)
    gen(node[1])
    emit("save", 2 * node.index + 2)
  end
  function generate.choice(node)
    local jumps = {}
    for i = 1, #node - 1 do
      local fork, at = emit "split"
      gen(node[i])
      jumps[i] = emit "jump"
      fork.x, fork.y = at + 1, #program + 1
    end
    gen(node[#node])
    for _, jump in ipairs(jumps) do jump.x = #program + 1 end
  end
  generate["*"] = function(node)
    local fork, at = emit "split"
    gen(node[1])
    emit("jump", at)
    fork.x, fork.y = split(node.lazy, at + 1, #program + 1)
  end
  generate["+"] = function(node)
    local start = #program + 1
    gen(node[1])
    local fork, at = emit "split"
    fork.x, fork.y = split(node.lazy, start, at + 1)
  end
  generate["?"] = function(node)
    local fork, at = emit "split"
    gen(node[1])
    fork.x, fork.y = split(node.lazy, at + 1, #program + 1)
  end
  gen(tree)
  emit "match"
  return { program = program, groups = groups, tree = tree }
end

-- Leftmost match at or after `init`: a list of positions, two for each group.
local function execute(regex, text, init)
  local program, current, best = regex.program, {}, nil
  local visited
  local function add(list, pc, at, saved)
    if visited[pc] then return end
    visited[pc] = true
    local i = program[pc]
    if i.op == "jump" then
      add(list, i.x, at, saved)
    elseif i.op == "split" then
      add(list, i.x, at, saved)
      add(list, i.y, at, saved)
    elseif i.op == "save" then
      local copy = table.move(saved, 1, 2 * regex.groups + 2, 1, {})
      copy[i.x] = at
      add(list, pc + 1, at, copy)
    elseif i.op == "^" or i.op == "$" then
      if at == (i.op == "^" and 1 or #text + 1) then add(list, pc + 1, at, saved) end
    else
      list[#list + 1] = { pc, saved }
    end
  end
  visited = {}
  for at = init or 1, #text + 1 do
    if not best then add(current, 1, at, { at }) end
    local following, c = {}, text:sub(at, at)
    visited = {}
    for _, thread in ipairs(current) do
      local pc, saved = thread[1], thread[2]
      local i = program[pc]
      if i.op == "match" then
        best = table.move(saved, 1, 2 * regex.groups + 2, 1, {})
        best[2] = at
        break
      elseif c ~= "" and (i.op == "char" and i.x == c or i.op == "test" and i.x(c)) then
        add(following, pc + 1, at + 1, saved)
      end
    end
    current = following
    if best and #current == 0 then break end
  end
  return best
end

-- Does the whole text match?  Continuation-passing backtracking.
local function backtrack(tree, text)
  local function m(node, at, k)
    local kind = node.kind
    if kind == "char" then return text:sub(at, at) == node.char and k(at + 1) end
    if kind == "test" then return at <= #text and node.test(text:sub(at, at)) and k(at + 1) end
    if kind == "group" then return m(node[1], at, k) end
    if kind == "choice" then
      for _, choice in ipairs(node) do
        if m(choice, at, k) then return true end
      end
      return false
    elseif kind == "sequence" then
      local function from(i, p)
        if i > #node then return k(p) end
        return m(node[i], p, function(q) return from(i + 1, q) end)
      end
      return from(1, at)
    elseif kind == "?" then
      return m(node[1], at, k) or k(at)
    elseif kind == "anchor" then
      return at == (node.at == "^" and 1 or #text + 1) and k(at)
    end
    local function more(p)
      return m(node[1], p, function(q) return q > p and more(q) end) or k(p)
    end
    if kind == "*" then return more(at) end
    return m(node[1], at, more)
  end
  return m(tree, 1, function(at) return at == #text + 1 end)
end

local function show(pattern, text)
  local regex = compile(pattern)
  local found, parts = execute(regex, text), {}
  for g = 0, found and regex.groups or -1 do
    local from, to = found[2 * g + 1], found[2 * g + 2]
    parts[#parts + 1] = from and to and text:sub(from, to - 1) or "-"
  end
  print(string.format("/%s/ on %q: %s", pattern, text, found and "<" .. table.concat(parts, "|") .. ">" or "no match"))
end
show("(a+)(b*)", "xxaabbb")
show("a.*?c", "abcabc")
show("(\\w+)@(\\w+(?:\\.\\w+)+)", "mail to lua-l@lists.lua.org now")
show("^(\\d{1,3})(,\\d{3})*$", "12,345,678")
show("^(?:cat|dog)s?$", "dogs")
show("[^aeiou ]{4,}", "a rhythm of strengths")
show("(x*)*y", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxz")

local tried, agreed, matched = 0, 0, 0
for _, pattern in ipairs { "(a|ab)(c|bcd)*", "a?b?c?", "(ab|ba)+", "[ab]*c", "a{2,3}b", "(a|b)*abb", "a*?b+c*" } do
  local tree, whole = parse(pattern), compile("^(?:" .. pattern .. ")$")
  for n = 0, 3 ^ 5 - 1 do
    local text, rest = "", math.tointeger(n)
    while rest > 0 do text, rest = text .. ("abc"):sub(rest % 3 + 1, rest % 3 + 1), rest // 3 end
    local linear, slow = execute(whole, text) ~= nil, backtrack(tree, text)
    tried, agreed = tried + 1, agreed + (linear == slow and 1 or 0)
    matched = matched + (linear and 1 or 0)
  end
end
print("cross-check", tried, agreed, matched)

local log = ("2024-05-17 ERROR disk full; 2024-06-02 WARN hot; 1999-12-31 ERROR clock; "):rep(8)
local date, at, count, days = compile "(\\d{4})-(\\d\\d)-(\\d\\d) (ERROR|WARN)", 1, {}, 0
while true do
  local m = execute(date, log, at)
  if not m then break end
  local level = log:sub(m[9], m[10] - 1)
  count[level], days, at = (count[level] or 0) + 1, days + tonumber(log:sub(m[7], m[8] - 1)), m[2]
end
print("scan", #log, count.ERROR, count.WARN, days)
for _, bad in ipairs { "(a", "a)", "*a", "[abc" } do print("error", (select(2, pcall(compile, bad)))) end
