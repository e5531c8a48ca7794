-- script.lua - compares records, and swaps them if they are as they were seen.
--
-- The first eight bytes of a record are its version; a record that is not there
-- has the version "".  Nothing here knows what a record means.
--
-- KEYS: the turn, then the records.  ARGV: who asks, how; of each record its
-- version and what it shall be ("" as it is, "-" gone); then other commands to
-- run if all are equal: a count, then the words.
--
-- A daemon that is far away could lose for ever against one that is near: so
-- who has lost ("again") takes the turn, and nobody else swaps until it has.
-- One that died with the turn is waited for no longer than it takes ("now").

local call = redis.call
local who, how = ARGV[1], ARGV[2]
local turn = how ~= 'look' and call('GET', KEYS[1])

if turn and turn ~= who and how ~= 'now' then
	return { 'wait' }
end

local reply = { 'changed' }

for i = 2, #KEYS do
	if call('GETRANGE', KEYS[i], '0', '7') ~= ARGV[2 * i - 1] then
		reply[#reply + 1] = i - 2
		reply[#reply + 1] = call('GET', KEYS[i])
	end
end
if #reply > 1 then
	if how == 'again' then
		call('SET', KEYS[1], who)
	end
	return reply
end

local set, at = {}, 2 * #KEYS + 1

for i = 2, #KEYS do
	local fresh = ARGV[2 * i]

	if fresh == '-' then
		call('DEL', KEYS[i])
	elseif fresh ~= '' then
		set[#set + 1] = KEYS[i]
		set[#set + 1] = fresh
	end
end
if #set > 0 then
	call('MSET', unpack(set))
end
while at < #ARGV do
	local last = at + tonumber(ARGV[at])

	call(unpack(ARGV, at + 1, last))
	at = last + 1
end
if turn then
	call('DEL', KEYS[1])
end
return { 'done' }
