-- Run once in every state, before any program: collects what programs print, and keeps them from what could break the state.
-- Everything is held in locals, so that a program which replaces a library function changes nothing here. Returns the function that
-- gives back, and forgets, what was printed.

local concat, error, find, format, rawequal, select, tostring, type =
  table.concat, error, string.find, string.format, rawequal, select, tostring, type

local pieces, count = {}, 0

local function add(piece)
  count = count + 1
  pieces[count] = piece
end

function print(...)
  for i = 1, select("#", ...) do
    if i > 1 then add("\t") end
    add(tostring((select(i, ...))))
  end
  add("\n")
end

-- `io.write` goes where `io.output` says; what goes to the standard output is collected.
local stdout, output = io.stdout, io.output
local methods = getmetatable(stdout).__index
local write = methods.write

local function collect(...)
  for i = 1, select("#", ...) do
    local piece = (select(i, ...))
    local kind = type(piece)
    if kind == "number" then
      piece = tostring(piece)
    elseif kind ~= "string" then
      error(format("bad argument #%d to 'write' (string expected, got %s)", i, kind), 3)
    end
    add(piece)
  end
end

function methods.write(file, ...)
  if not rawequal(file, stdout) then return write(file, ...) end
  collect(...)
  return stdout
end

function io.write(...)
  local file = output()
  if not rawequal(file, stdout) then return write(file, ...) end
  collect(...)
  return stdout
end

-- Lua does not verify binary chunks: one made by hand reads and writes where it likes. Programs compile text only.
local load_text, loadfile_text = load, loadfile

local function refused(mode)
  if type(mode) == "string" and not find(mode, "t", 1, true) then
    return format("binary chunks are not loaded here (mode is '%s')", mode)
  end
end

function load(chunk, name, mode, ...)
  local why = refused(mode)
  if why then return nil, why end
  return load_text(chunk, name, "t", ...)
end

function loadfile(name, mode, ...)
  local why = refused(mode)
  if why then return nil, why end
  return loadfile_text(name, "t", ...)
end

function dofile(name)
  local chunk, why = loadfile_text(name, "t")
  if not chunk then error(why, 0) end
  return chunk()
end

-- Changes the whole process, under the feet of its other threads.
os.setlocale = nil

return function()
  local all, length = pieces, count
  pieces, count = {}, 0
  return concat(all, "", 1, length)
end
