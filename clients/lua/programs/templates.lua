-- templates.lua: a small template engine that compiles text to closures.
--
-- Syntax: {{ path | filter:arg }} interpolates, {% for x in path %},
-- {% if path %} / {% else %} / {% end %} and {% set name = path %} control,
-- {# ... #} is a comment.  A template is turned once into a tree of Lua
-- closures, each appending to an output buffer; rendering walks no syntax.

---------------------------------------------------------------- filters

local html = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local filters = {
  upper = string.upper,
  length = function(v) return #v end,
  escape = function(v) return (tostring(v):gsub('[&<>"]', html)) end,
  default = function(v, arg) return v == nil and arg or v end,
  join = function(v, arg) return table.concat(v, arg or ", ") end,
  money = function(v) return string.format("%d.%02d", v // 100, v % 100) end,
  pad = function(v, arg) return string.format("%-" .. arg .. "s", tostring(v)) end,
  repeated = function(v, arg) return tostring(v):rep(math.tointeger(tonumber(arg)) or 1) end,
}

---------------------------------------------------------------- scanner

-- Splits the source into {kind, text, line} tokens.
local function scan(source)
  local tokens, pos, line = {}, 1, 1
  local closers = { ["{"] = "}}", ["%"] = "%}", ["#"] = "#}" }
  local kinds = { ["{"] = "value", ["%"] = "tag" }
  while pos <= #source do
    local start, _, mark = source:find("{([{%%#])", pos)
    local text = source:sub(pos, (start or 0) - 1)
    if text ~= "" then
      tokens[#tokens + 1] = { kind = "text", text = text, line = line }
      line = line + select(2, text:gsub("\n", ""))
    end
    if not start then break end
    local stop, last = source:find(closers[mark], start + 2, true)
    if not stop then error("line " .. line .. ": unclosed {" .. mark, 0) end
    local inner = source:sub(start + 2, stop - 1)
    if kinds[mark] then
      tokens[#tokens + 1] = { kind = kinds[mark], text = inner:match "^%s*(.-)%s*$", line = line }
    end
    line = line + select(2, inner:gsub("\n", ""))
    pos = last + 1
    -- A line that holds only a tag leaves no blank line behind.
    if mark ~= "{" and source:sub(pos, pos) == "\n" then
      pos, line = pos + 1, line + 1
    end
  end
  return tokens
end

---------------------------------------------------------------- compiler

-- A path such as `user.name` or a literal becomes a function of the scope.
local function compile_path(text)
  local literal = text:match '^"(.*)"$' or tonumber(text)
  if literal then return function() return literal end end
  local negate = text:match "^not%s+(.+)$"
  if negate then
    local inner = compile_path(negate)
    return function(scope) return not inner(scope) end
  end
  local names = {}
  for name in text:gmatch "[^.]+" do names[#names + 1] = tonumber(name) or name end
  return function(scope)
    local value = scope
    for i = 1, #names do
      if type(value) ~= "table" then return nil end
      value = value[names[i]]
    end
    return value
  end
end

local function compile_value(token)
  local parts = {}
  for part in (token.text .. "|"):gmatch "%s*(.-)%s*|" do parts[#parts + 1] = part end
  local get = compile_path(parts[1])
  for i = 2, #parts do
    local name, arg = parts[i]:match "^(%w+):?(.*)$"
    local filter = filters[name]
    if not filter then error("line " .. token.line .. ": no filter '" .. tostring(name) .. "'", 0) end
    local previous = get
    arg = arg ~= "" and arg:gsub('^"(.*)"$', "%1") or nil
    get = function(scope) return filter(previous(scope), arg) end
  end
  return function(scope, out)
    local value = get(scope)
    out[#out + 1] = value == nil and "" or tostring(value)
  end
end

local function compile(source)
  local tokens, index = scan(source), 0
  local block

  local function seq(steps)
    return function(scope, out)
      for i = 1, #steps do steps[i](scope, out) end
    end
  end

  local function compile_for(token)
    local name, path = token.text:match "^for%s+(%w+)%s+in%s+(.+)$"
    if not name then error("line " .. token.line .. ": bad for", 0) end
    local list, body, ending = compile_path(path), block(token)
    local otherwise = ending == "else" and block(token) or nil
    return function(scope, out)
      local items = list(scope) or {}
      if #items == 0 and otherwise then return otherwise(scope, out) end
      for i, item in ipairs(items) do
        local loop = { index = i, first = i == 1, last = i == #items }
        body(setmetatable({ [name] = item, loop = loop }, { __index = scope }), out)
      end
    end
  end

  local function compile_if(token)
    local test = compile_path(token.text:match "^if%s+(.+)$")
    local yes, ending = block(token)
    local no = ending == "else" and block(token) or nil
    return function(scope, out)
      if test(scope) then yes(scope, out) elseif no then no(scope, out) end
    end
  end

  -- Compiles up to the closing tag of `opener`; returns closure and closing word.
  function block(opener)
    local steps = {}
    while index < #tokens do
      index = index + 1
      local token = tokens[index]
      if token.kind == "text" then
        local text = token.text
        steps[#steps + 1] = function(_, out) out[#out + 1] = text end
      elseif token.kind == "value" then
        steps[#steps + 1] = compile_value(token)
      else
        local word = token.text:match "^%a*"
        if word == "for" then
          steps[#steps + 1] = compile_for(token)
        elseif word == "if" then
          steps[#steps + 1] = compile_if(token)
        elseif word == "set" then
          local name, path = token.text:match "^set%s+(%w+)%s*=%s*(.+)$"
          local get = compile_path(path)
          steps[#steps + 1] = function(scope) scope[name] = get(scope) end
        elseif (word == "end" or word == "else") and opener then
          return seq(steps), word
        else
          error("line " .. token.line .. ": unexpected '" .. word .. "'", 0)
        end
      end
    end
    if opener then error("line " .. opener.line .. ": missing end", 0) end
    return seq(steps)
  end

  local run = block(nil)
  return function(data)
    local out = {}
    run(setmetatable({}, { __index = data }), out)
    return table.concat(out)
  end
end

---------------------------------------------------------------- exercise

local invoice = compile [[
{# An invoice: one section per customer, and a closing remark that is long enough to be a long string. #}
{% for c in customers %}
== {{ c.name | upper }} <{{ c.mail | default:"no address" }}>
{% for line in c.lines %}
{% set total = line.cents %}
  {{ loop.index }}. {{ line.what | pad:18 }} {{ total | money }}{% if loop.last %} (last){% end %}

{% else %}
  nothing ordered
{% end %}
{% if c.vip %}
  Thank you, {{ c.name }}: as a valued customer you get {{ c.gifts | join:" and " }}.
{% else %}
{% if not c.lines.1 %}
  We miss you!
{% end %}
{% end %}
{% end %}
{{ "-" | repeated:40 }}
{{ customers | length }} customers, remark: {{ remark | escape }}
]]

local text = invoice {
  remark = 'terms & conditions <apply>, "always"',
  customers = {
    { name = "Ada", mail = "ada@example.org", vip = true, gifts = { "a pen", "a book" },
      lines = { { what = "punched cards", cents = 1999 }, { what = "brass gears", cents = 123405 } } },
    { name = "Charles", lines = {} },
    { name = "Grace", mail = "grace@example.org", lines = { { what = "nanosecond wire", cents = 7 } } },
  },
}
io.write(text)

local rows = {}
for i = 1, 120 do rows[i] = { id = i, label = "row " .. i, even = i % 2 == 0 } end
local grid = compile "{% for r in rows %}<td{% if r.even %} class=\"even\"{% end %}>{{ r.label | escape }}</td>{% end %}"
local length, first = 0, nil
for _ = 1, 25 do
  local page = grid { rows = rows }
  first = first or page
  length = length + #page
  assert(page == first)
end
print("grid", length, #first, select(2, first:gsub("even", "")))
print(first:sub(1, 52))

for _, bad in ipairs { "{{ x", "a\n{% for %}", "{% if x %}\nno end", "{% end %}", "\n\n{{ x | nosuch }}" } do
  print("error", select(2, pcall(compile, bad)))
end
