-- deltablue.lua: an incremental one-way constraint solver.
--
-- Written after the idea of the DeltaBlue algorithm: a constraint has a
-- strength and several methods, each of which computes one variable from the
-- others.  Adding a constraint picks a method whose output is only weakly
-- determined, revokes the constraint it displaces, and extracts a plan.  The
-- program builds chains, a tree of projections and a Celsius/Fahrenheit
-- converter, edits them, and removes constraints again.

local Strength = {}
for rank, name in ipairs { "required", "preferred", "strong", "normal", "weak", "weakest" } do
  Strength[name] = setmetatable({ rank = rank, name = name }, Strength)
end
Strength.__lt = function(a, b) return a.rank > b.rank end
Strength.__tostring = function(s) return s.name end

local Variable = {}
Variable.__index = Variable

function Variable.new(name, value)
  return setmetatable({ name = name, value = value, users = {}, by = nil, mark = 0,
                        stay = true, walk = Strength.weakest }, Variable)
end

local function remove(list, item)
  for i = 1, #list do
    if list[i] == item then return table.remove(list, i) end
  end
end

local Constraint = {}
Constraint.__index = Constraint

-- `methods` is a list of { out = variable, run = function }.
function Constraint.new(strength, variables, methods, is_input)
  return setmetatable({ strength = Strength[strength], variables = variables,
                        methods = methods, chosen = nil, input = is_input or false }, Constraint)
end

function Constraint:inputs()
  local out = self.chosen and self.chosen.out
  local i = 0
  return function()
    repeat i = i + 1 until self.variables[i] ~= out or not self.variables[i]
    return self.variables[i]
  end
end

-- The method with the weakest unmarked output below our strength, if any.
function Constraint:choose(mark)
  local best
  for _, method in ipairs(self.methods) do
    local out = method.out
    if out.mark ~= mark and out.walk < self.strength and (not best or out.walk < best.out.walk) then
      best = method
    end
  end
  self.chosen = best
  return best
end

-- Walkabout strength: the weakest of ours and of what we could displace.
function Constraint:recalculate()
  local out = self.chosen.out
  local walk, stay = self.strength, not self.input
  for _, method in ipairs(self.methods) do
    if method.out ~= out and method.out.walk < walk then walk = method.out.walk end
  end
  for variable in self:inputs() do stay = stay and variable.stay end
  out.walk, out.stay = walk, stay
  if stay then self.chosen.run() end
end

local Planner = {}
Planner.__index = Planner

function Planner.new() return setmetatable({ mark = 0, steps = 0 }, Planner) end

-- Recomputes everything downstream of a constraint; false when it finds a cycle.
function Planner:propagate(constraint, mark)
  local todo = { constraint }
  while #todo > 0 do
    local next_one = table.remove(todo)
    local out = next_one.chosen.out
    if out.mark == mark and next_one ~= constraint then return false end
    next_one:recalculate()
    self.steps = self.steps + 1
    for _, user in ipairs(out.users) do
      if user ~= next_one and user.chosen and user.chosen.out ~= out then todo[#todo + 1] = user end
    end
  end
  return true
end

function Planner:satisfy(constraint, mark)
  local method = constraint:choose(mark)
  if not method then
    return constraint.strength == Strength.required and error("required constraint cannot hold", 0) or nil
  end
  for variable in constraint:inputs() do variable.mark = mark end
  local displaced = method.out.by
  if displaced then displaced.chosen = nil end
  method.out.by = constraint
  method.out.mark = mark
  if not self:propagate(constraint, mark) then error("cycle", 0) end
  return displaced
end

function Planner:settle(constraint)
  self.mark = self.mark + 1
  while constraint and not constraint.chosen do constraint = self:satisfy(constraint, self.mark) end
end

function Planner:add(constraint)
  for _, variable in ipairs(constraint.variables) do table.insert(variable.users, constraint) end
  self:settle(constraint)
  return constraint
end

function Planner:remove(constraint)
  local method = constraint.chosen
  for _, variable in ipairs(constraint.variables) do remove(variable.users, constraint) end
  constraint.chosen = nil
  if not method then return end
  local out, unsatisfied = method.out, {}
  out.by, out.walk, out.stay = nil, Strength.weakest, true
  local todo, seen = { out }, {}
  while #todo > 0 do
    local variable = table.remove(todo)
    for _, user in ipairs(variable.users) do
      if not user.chosen then
        unsatisfied[#unsatisfied + 1] = user
      elseif user.chosen.out ~= variable and not seen[user] then
        seen[user] = true
        user:recalculate()
        todo[#todo + 1] = user.chosen.out
      end
    end
  end
  table.sort(unsatisfied, function(a, b) return b.strength < a.strength end)
  for _, user in ipairs(unsatisfied) do self:settle(user) end
end

-- An ordered list of methods to run when the given inputs change.
function Planner:plan(...)
  self.mark = self.mark + 1
  local plan, mark, todo = {}, self.mark, { ... }
  while #todo > 0 do
    local constraint = table.remove(todo, 1)
    local out = constraint.chosen and constraint.chosen.out
    if out and out.mark ~= mark then
      local ready = true
      for v in constraint:inputs() do ready = ready and (v.mark == mark or v.stay or not v.by) end
      if ready then
        plan[#plan + 1] = constraint.chosen.run
        out.mark = mark
        for _, user in ipairs(out.users) do todo[#todo + 1] = user end
      end
    end
  end
  return function() for i = 1, #plan do plan[i]() end return #plan end
end

local function stay(v, strength)
  return Constraint.new(strength, { v }, { { out = v, run = function() end } })
end

local function edit(v, source)
  return Constraint.new("preferred", { v }, { { out = v, run = function() v.value = source() end } }, true)
end

local function equal(a, b, strength)
  return Constraint.new(strength or "required", { a, b }, {
    { out = b, run = function() b.value = a.value end },
    { out = a, run = function() a.value = b.value end },
  })
end

local function scale(a, factor, offset, b)
  return Constraint.new("required", { a, factor, offset, b }, {
    { out = b, run = function() b.value = a.value * factor.value + offset.value end },
    { out = a, run = function() a.value = (b.value - offset.value) // factor.value end },
  })
end

-- A chain of equalities: an edit at one end must reach the other.
local function chain(length)
  local planner, vars = Planner.new(), {}
  for i = 0, length do vars[i] = Variable.new("v" .. i, 0) end
  for i = 1, length do planner:add(equal(vars[i - 1], vars[i])) end
  planner:add(stay(vars[length], "weak"))
  local input = 0
  local edits = edit(vars[0], function() return input end)
  planner:add(edits)
  local run, sum = planner:plan(edits), 0
  for i = 1, 50 do input = i * 3; run(); sum = sum + vars[length].value end
  local walk = vars[length].walk
  planner:remove(edits)
  return sum, planner.steps, tostring(walk), tostring(vars[0].walk), vars[0].value
end
print("chain", chain(20))
print("chain", chain(60))

-- Many projections b = a * factor + offset: edited from both sides.
local function projection(count)
  local planner, pairs_of = Planner.new(), {}
  local factor, offset = Variable.new("factor", 10), Variable.new("offset", 1000)
  for _, v in ipairs { factor, offset } do planner:add(stay(v, "strong")) end
  for i = 1, count do
    local from, to = Variable.new("from", i), Variable.new("to", 0)
    planner:add(stay(from, "normal"))
    planner:add(scale(from, factor, offset, to))
    pairs_of[i] = { from = from, to = to }
  end
  local function change(variable, value)
    local edits = planner:add(edit(variable, function() return value end))
    local length = planner:plan(edits)()
    planner:remove(edits)
    return length
  end
  local function total(side)
    local sum = 0
    for i = 1, count do sum = sum + pairs_of[i][side].value end
    return sum
  end
  print("start", total "from", total "to")
  print("edit from", change(pairs_of[3].from, 17), pairs_of[3].to.value, total "to")
  print("edit to", change(pairs_of[5].to, 1050), pairs_of[5].from.value, total "from")
  print("edit factor", change(factor, 5), total "from", total "to")
  print("edit offset", change(offset, 2000), total "from", total "to")
  print("steps", planner.steps, "marks", planner.mark)
end
projection(100)

-- Celsius and Fahrenheit, plus a mirror; then a constraint that cannot hold.
local planner = Planner.new()
local c, f, mirror = Variable.new("c", 0.0), Variable.new("f", 0.0), Variable.new("mirror", 0.0)
local ratio, zero = Variable.new("ratio", 1.8), Variable.new("zero", 32)
for _, v in ipairs { ratio, zero } do planner:add(stay(v, "required")) end
planner:add(scale(c, ratio, zero, f))
planner:add(equal(f, mirror))
for _, case in ipairs { { c, 100 }, { f, 212 }, { mirror, -40 }, { c, 36.6 } } do
  local edits = planner:add(edit(case[1], function() return case[2] end))
  planner:plan(edits)()
  print(string.format("set %-6s c %7.2f f %7.2f mirror %7.2f, f is %s",
    case[1].name, c.value, f.value, mirror.value, f.walk))
  planner:remove(edits)
end
planner:add(stay(c, "required"))
print(pcall(planner.add, planner, stay(mirror, "required")))
