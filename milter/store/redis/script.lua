-- store_redis.lua - the meter, as the server of the shared store runs it.
--
-- Several daemons must never spend the same rest, so whoever holds the counters
-- decides: window.c, uniq.c, counter.c and quota.c, said again in one script
-- that nothing interrupts.  Their comments hold here.  tests/test_redis.c lets
-- both answer the same questions.
--
-- ARGV: what is asked, its arguments as JSON, bytes that JSON cannot carry.

local MESSAGES, RECIPIENTS, UNIQUE, BYTES = 1, 2, 3, 4 -- enum dimension, + 1
local NOTHING, LIMIT, LOCKED, NEVER_FITS = 0, 1, 2, 3 -- enum shortage
local RING = 65
local GRANTS = 8
local WARNINGS = 16
local WARN_SLACK = 5
local NEVER = math.huge
local MOST = 2 ^ 53 -- numbers are exact up to here
local HOUR = 3600000
local SPAN = { HOUR, 24 * HOUR, 7 * 24 * HOUR, 31 * 24 * HOUR }
local VERSION = 1

local ask = cjson.decode(ARGV[2])
local now = ask.now

if now == 0 then -- else a test moves the time
	local t = redis.call('TIME')
	now = t[1] * 1000 + math.floor(t[2] / 1000)
end

local function text(n)
	return string.format('%.0f', n)
end

local function add(a, b)
	return math.min(a + b, MOST)
end

-- --- calendar: the period that holds now, or the one after it --------------

local function period(i)
	local p = ask.period[i]

	if now < p[2] then
		return p[1], p[2]
	end
	return p[2], p[3]
end

local function knows_period()
	for _, p in ipairs(ask.period) do
		if now < p[1] or now >= p[3] then
			return false
		end
	end
	return true
end

-- --- window.c ---------------------------------------------------------------
-- A slot is {dim, calendar, span, warned} and, for a sum, bucket: last and
-- count in turn, the oldest first.

local function slice_of(w, t)
	return math.floor(t / math.ceil(w.span / (RING - 1)))
end

local function leaves(w, last)
	if w.calendar then
		return last
	end
	return math.min(last, now) + w.span
end

local function put(w, cost, last)
	local b = w.bucket
	local n = #b

	if n > 0 and (w.calendar or slice_of(w, b[n - 1]) == slice_of(w, last)) then
		b[n - 1], b[n] = last, add(b[n], cost)
		return
	end
	if n == 2 * RING then
		b[4] = add(b[4], b[2])
		table.remove(b, 1)
		table.remove(b, 1)
		n = n - 2
	end
	b[n + 1], b[n + 2] = last, cost
end

local function put_now(w, cost, at)
	if w.calendar then
		local _, ends = period(w.span)
		put(w, cost, ends)
	else
		put(w, cost, at)
	end
end

local function window_used(w)
	local sum = 0

	for i = 1, #w.bucket, 2 do
		if leaves(w, w.bucket[i]) > now then
			sum = add(sum, w.bucket[i + 1])
		end
	end
	return sum
end

local function window_settle(w)
	local kept, ahead = {}, 0

	for i = 1, #w.bucket, 2 do
		local last, count = w.bucket[i], w.bucket[i + 1]

		if leaves(w, last) <= now then
			-- it has left
		elseif w.calendar or last > now then
			ahead = add(ahead, count)
		else
			kept[#kept + 1] = last
			kept[#kept + 1] = count
		end
	end
	w.bucket = kept
	if ahead > 0 then
		put_now(w, ahead, now)
	end
end

local function window_when(w, room)
	local sum = 0

	for i = #w.bucket - 1, 1, -2 do
		local t = leaves(w, w.bucket[i])

		if t <= now then
			break
		end
		sum = add(sum, w.bucket[i + 1])
		if sum > room then
			return t
		end
	end
	return now
end

local function window_inherit(w, from)
	local start = w.calendar and period(w.span) or now - w.span + 1

	for i = 1, #from.bucket, 2 do
		local last = from.bucket[i]
		local at = from.calendar and now or math.min(last, now)

		if leaves(from, last) > now and at >= start then
			put_now(w, from.bucket[i + 1], at)
		end
	end
end

-- --- uniq.c: a sorted set, digest by moment --------------------------------
-- A slot has set (its key), ends (calendar) and newest.

local function forget_memo(u)
	u.alive, u.known = nil, {}
end

local function gone(u)
	return text(now - u.span)
end

local function uniq_used(u)
	if u.calendar and u.ends <= now then
		return 0
	end
	if u.alive == nil then
		u.alive = u.calendar and redis.call('ZCARD', u.set)
		    or redis.call('ZCOUNT', u.set, '(' .. gone(u), '+inf')
	end
	return u.alive
end

-- The digests of line l that count already.
local function uniq_known(u, l)
	if u.known[l] == nil then
		local found = {}

		for i = 1, #l.digest, 1000 do
			local last = math.min(i + 999, #l.digest)
			local score = redis.call('ZMSCORE', u.set,
			    unpack(l.digest, i, last))

			for k, v in ipairs(score) do
				if v and (u.calendar and u.ends > now or
				    not u.calendar and tonumber(v) > now - u.span) then
					found[#found + 1] = l.digest[i + k - 1]
				end
			end
		end
		u.known[l] = found
	end
	return u.known[l]
end

local function uniq_put(u, digests, last)
	for i = 1, #digests, 500 do
		local pairs_of = {}

		for k = i, math.min(i + 499, #digests) do
			pairs_of[#pairs_of + 1] = text(last)
			pairs_of[#pairs_of + 1] = digests[k]
		end
		redis.call('ZADD', u.set, unpack(pairs_of))
	end
	if #digests > 0 then
		u.newest = math.max(u.newest, last)
	end
	forget_memo(u)
end

local function uniq_date(u)
	if u.calendar and redis.call('EXISTS', u.set) == 1 then
		local _, ends = period(u.span)
		u.ends = ends
	end
end

local function uniq_settle(u)
	if not u.calendar then
		redis.call('ZREMRANGEBYSCORE', u.set, '-inf', gone(u))
	elseif u.ends <= now then
		redis.call('DEL', u.set)
	end
	if u.newest > now then
		uniq_put(u, redis.call('ZRANGEBYSCORE', u.set, '(' .. text(now),
		    '+inf'), now)
		u.newest = now
	end
	uniq_date(u)
	forget_memo(u)
end

local function uniq_add(u, digests)
	uniq_settle(u)
	uniq_put(u, digests, now)
	uniq_date(u)
end

local function uniq_when(u, l, room)
	local known = uniq_known(u, l)
	local beside = uniq_used(u) - #known
	local rank, at = {}, nil

	if beside <= room then
		return now
	end
	if u.calendar then
		return u.ends
	end
	for i, digest in ipairs(known) do
		rank[i] = redis.call('ZRANK', u.set, digest)
	end
	table.sort(rank)
	at = redis.call('ZCOUNT', u.set, '-inf', gone(u)) + beside - room - 1
	for _, r in ipairs(rank) do
		if r <= at then
			at = at + 1
		end
	end
	return math.min(now,
	    tonumber(redis.call('ZRANGE', u.set, at, at, 'WITHSCORES')[2])) + u.span
end

local function uniq_inherit(u, from)
	local start = u.calendar and period(u.span) or now - u.span + 1
	local low = from.calendar and text(start)
	    or text(math.max(start, now - from.span + 1))
	local rest

	if from.calendar and from.ends <= now then
		return
	end
	rest = redis.call('ZRANGEBYSCORE', from.set, low, '+inf', 'WITHSCORES')
	for i = 1, #rest, 2 do
		uniq_put(u, { rest[i] }, math.min(tonumber(rest[i + 1]), now))
	end
	uniq_date(u)
end

-- --- counter.c --------------------------------------------------------------

-- No key of a counter, whatever a client puts into it, is the name of a set.
local function set_name(key, calendar, span)
	local before, after = key:match('^(.-:)c(:.*)$')

	return before .. 'u:' .. (calendar and 'c' or 'r') .. text(span) .. after
end

local function slot_new(key, limit)
	local s = { dim = limit.dim, calendar = limit.calendar, span = limit.span,
	    warned = 0 }

	if s.dim == UNIQUE then
		s.set = set_name(key, s.calendar, s.span)
		s.ends, s.newest, s.known = 0, 0, {}
	else
		s.bucket = {}
	end
	return s
end

-- A counter never used has no slots; it is not there until it is kept.
local function counter_load(key)
	local c = { key = key, locked = 0, grant = {}, slot = {} }
	local raw = redis.call('GET', key)

	if not raw then
		return c
	end
	local t = cmsgpack.unpack(raw)
	if t[1] ~= VERSION then
		error({ err = 'POSTMETER a counter is of an unknown version' })
	end
	c.is_kept = true
	c.locked, c.grant = t[2], t[3]
	for i, from in ipairs(t[4]) do
		local s = slot_new(key, { dim = from[1], calendar = from[2],
		    span = from[3] })

		s.warned = from[4]
		if s.dim == UNIQUE then
			s.ends, s.newest = from[5], from[6]
		else
			s.bucket = from[5]
		end
		c.slot[i] = s
	end
	return c
end

local function counter_keep(c)
	local slots, life = {}, math.max(0, c.locked - now)

	for i, s in ipairs(c.slot) do
		life = math.max(life, s.calendar and SPAN[s.span] or s.span)
		slots[i] = { s.dim, s.calendar, s.span, s.warned,
		    s.bucket or s.ends, s.newest }
	end
	for _, g in ipairs(c.grant) do
		life = math.max(life, g[3] - now)
	end
	life = text(life + HOUR)
	redis.call('SET', c.key, cmsgpack.pack({ VERSION, c.locked, c.grant,
	    slots }), 'PX', life)
	for _, s in ipairs(c.slot) do
		if s.set then
			redis.call('PEXPIRE', s.set, life)
		end
	end
end

local function used(s)
	return s.dim == UNIQUE and uniq_used(s) or window_used(s)
end

local function is_for(s, limit)
	return s ~= nil and s.dim == limit.dim and s.span == limit.span and
	    s.calendar == limit.calendar
end

local function best_source(c, limit)
	local best, longest = nil, -1

	for _, s in ipairs(c.slot) do
		local span = s.calendar and SPAN[s.span] or s.span

		if is_for(s, limit) then
			return s
		end
		if s.dim == limit.dim and span > longest then
			best, longest = s, span
		end
	end
	return best
end

local function drop_sets(slots, kept)
	local stays = {}

	for _, s in ipairs(kept) do
		stays[s.set or 0] = true
	end
	for _, s in ipairs(slots) do
		if s.set and not stays[s.set] then
			redis.call('DEL', s.set)
		end
	end
end

local function counter_adapt(c, limits)
	local slots, same = {}, #c.slot == #limits

	for i, limit in ipairs(limits) do
		same = same and is_for(c.slot[i], limit)
	end
	if same then
		return
	end
	for i, limit in ipairs(limits) do
		local from = best_source(c, limit)

		slots[i] = slot_new(c.key, limit)
		if from and is_for(from, limit) then
			slots[i].warned = from.warned
			slots[i].ends, slots[i].newest = from.ends, from.newest
		end
		if from and limit.dim ~= UNIQUE then
			window_inherit(slots[i], from)
		elseif from and from.set ~= slots[i].set then
			uniq_inherit(slots[i], from)
		elseif from then
			uniq_settle(slots[i])
		end
	end
	drop_sets(c.slot, slots)
	c.slot = slots
	if c.is_kept then
		counter_keep(c)
	end
end

local function counter_settle(c)
	for _, s in ipairs(c.slot) do
		if s.dim == UNIQUE then
			uniq_settle(s)
		else
			window_settle(s)
		end
	end
end

local function counter_idle(c)
	if c.locked > now then
		return false
	end
	for _, g in ipairs(c.grant) do
		if g[3] > now then
			return false
		end
	end
	for _, s in ipairs(c.slot) do
		if used(s) > 0 then
			return false
		end
	end
	return true
end

-- --- quota.c: one limit -----------------------------------------------------
-- A line has limit, cost, n (recipients), digest, counter.

local function max_at(l, i, t)
	local max = l.limit[i].max

	for _, g in ipairs(l.counter.grant) do
		if g[1] == l.limit[i].dim and g[3] > t then
			max = add(max, g[2])
		end
	end
	return max
end

local function cost_at(l, i)
	if l.limit[i].dim ~= UNIQUE then
		return l.cost[l.limit[i].dim]
	end
	return l.n - #uniq_known(l.counter.slot[i], l)
end

local function fits_under(l, i, max)
	local unique = l.limit[i].dim == UNIQUE
	local cost = unique and l.n or l.cost[l.limit[i].dim]

	if cost > max then
		return NEVER
	end
	if unique then
		return uniq_when(l.counter.slot[i], l, max - cost)
	end
	return window_when(l.counter.slot[i], max - cost)
end

local function fits_from(l, i, from)
	return math.max(fits_under(l, i, max_at(l, i, from)), from)
end

local function left_of(l, i)
	local max = max_at(l, i, now)
	local sum = add(used(l.counter.slot[i]), cost_at(l, i))

	return sum < max and (max - sum) / max or 0
end

-- --- quota.c: one line ------------------------------------------------------

local function is_free(l)
	return l.n == 0 and l.cost[MESSAGES] == 0 and l.cost[RECIPIENTS] == 0 and
	    l.cost[BYTES] == 0
end

local function tightest(l)
	local least, limit = 1, 1

	for i = 1, #l.limit do
		local left = left_of(l, i)

		if left < least then
			least, limit = left, i
		end
	end
	return least, limit
end

local function put_off(s, what, limit, again)
	s.what = (again == NEVER and what == LIMIT) and NEVER_FITS or what
	s.limit, s.again = limit, again
end

local function judge_line(l, s)
	if l.counter.locked > s.again then
		local _, limit = tightest(l)
		put_off(s, LOCKED, limit, l.counter.locked)
	end
	for i = 1, #l.limit do
		if s.again == NEVER then
			return
		end
		local t = fits_from(l, i, s.again)
		if t > s.again then
			put_off(s, LIMIT, i, t)
		end
	end
end

-- --- quota.c: the bill ------------------------------------------------------

-- The lines that apply with a choice, as indices.
local function lines_of(choice)
	local list = {}

	for i = 1, ask.common do
		list[i] = i
	end
	for i = 1, choice and choice[2] or 0 do
		list[#list + 1] = choice[1] + i
	end
	return list
end

local function judge(choice, observed)
	local s = { what = NOTHING, line = 1, limit = 1, used = 0, max = 0,
	    again = now }
	local round

	repeat
		round = s.again
		for _, n in ipairs(lines_of(choice)) do
			local l = ask.line[n]
			local before = s.again

			if not is_free(l) and l.observed == observed then
				judge_line(l, s)
				if s.again ~= before then
					s.line = n
				end
			end
		end
	until s.again == round or s.again == NEVER
	if s.what ~= NOTHING and s.limit <= #ask.line[s.line].limit then
		local l = ask.line[s.line]

		s.used = used(l.counter.slot[s.limit])
		s.max = max_at(l, s.limit, now)
	end
	return s
end

local function budget_left(choice)
	local least = 1

	for i = choice[1] + 1, choice[1] + choice[2] do
		least = math.min(least, (tightest(ask.line[i])))
	end
	return least
end

-- Ailing: only if no other one fits.
local function is_last(k)
	return ask.choice[k] ~= nil and ask.choice[k][4]
end

local function is_better(d, k, s, left, best)
	if k == 1 then
		return true
	end
	if s.what ~= NOTHING then
		return not d.fits and s.again < d.shortfall.again
	end
	if not d.fits or is_last(k) ~= is_last(d.choice) then
		return not d.fits or not is_last(k)
	end
	return left > best
end

local function decide()
	local d, best = { warning = {} }, 0

	for k = 1, math.max(1, #ask.choice) do
		local choice = ask.choice[k]
		local s = judge(choice, false)
		local left = (ask.spread and choice) and budget_left(choice) or 0

		if is_better(d, k, s, left, best) then
			best = left
			d.choice, d.shortfall, d.fits = k, s, s.what == NOTHING
			if d.fits and not ask.spread and not is_last(k) then
				break
			end
		end
	end
	d.observed = judge(ask.choice[d.choice], true)
	return d
end

-- --- quota.c: what a bill leaves behind -------------------------------------

local function percent(n, max)
	if max == 0 then
		return n > 0 and NEVER or 0
	end
	local q = math.floor(n * 100 / max)
	return q * max > n * 100 and q - 1 or q
end

local function forget_warnings(l, s, is)
	s.warned = math.min(s.warned, #l.warn)
	while s.warned > 0 and
	    (is == 0 or is + WARN_SLACK < l.warn[s.warned]) do
		s.warned = s.warned - 1
	end
end

local function warn(d, n, i)
	local l = ask.line[n]
	local s = l.counter.slot[i]
	local sum, max = used(s), max_at(l, i, now)
	local reached = s.warned

	while reached < #l.warn and l.warn[reached + 1] <= percent(sum, max) do
		reached = reached + 1
	end
	if reached == s.warned or #d.warning == WARNINGS then
		return
	end
	s.warned = reached
	d.warning[#d.warning + 1] = { n - 1, i - 1, l.warn[reached], sum, max }
end

local function spend_line(d, n)
	local l = ask.line[n]

	for i, s in ipairs(l.counter.slot) do
		forget_warnings(l, s, percent(used(s), max_at(l, i, now)))
	end
	for i, s in ipairs(l.counter.slot) do
		if s.dim == UNIQUE then
			uniq_add(s, l.digest)
		else
			window_settle(s)
			if l.cost[s.dim] > 0 then
				put_now(s, l.cost[s.dim], now)
			end
		end
		warn(d, n, i)
	end
	counter_keep(l.counter)
end

local function spend(d)
	for _, n in ipairs(lines_of(ask.choice[d.choice])) do
		if not is_free(ask.line[n]) then
			spend_line(d, n)
		end
	end
end

local function would_pass(l)
	for i = 1, #l.limit do
		local t = fits_under(l, i, max_at(l, i, now))

		if t ~= now and t ~= NEVER then
			return true
		end
	end
	return false
end

-- Calls what for each line that can apply and whose counter is there.
local function each_kept(what)
	for i = 1, #ask.choice == 0 and ask.common or #ask.line do
		local l = ask.line[i]

		if l.counter.is_kept and not is_free(l) then
			what(l, l.counter)
		end
	end
end

local function settle()
	each_kept(function(l, c)
		counter_settle(c)
		c.locked = math.min(c.locked, now + l.lockout)
		counter_keep(c)
	end)
end

local function lock(d)
	settle()
	each_kept(function(l, c)
		if l.lockout > 0 and not l.observed and c.locked <= now and
		    would_pass(l) then
			c.locked = now + l.lockout
			counter_keep(c)
		end
	end)
	d.shortfall.again = decide().shortfall.again
end

-- --- what is asked ----------------------------------------------------------

local function moment(t)
	return t == NEVER and -1 or t
end

local function told(d)
	local reply = { now, d.fits and 1 or 0, d.choice - 1 }

	for _, s in ipairs({ d.shortfall, d.observed }) do
		for _, v in ipairs({ s.what, s.line - 1, s.limit - 1, s.used, s.max,
		    moment(s.again) }) do
			reply[#reply + 1] = v
		end
	end
	for _, w in ipairs(d.warning) do
		for _, v in ipairs(w) do
			reply[#reply + 1] = v
		end
	end
	return reply
end

local function limits_of(list)
	local limits = {}

	for i, v in ipairs(list) do
		limits[i] = { dim = v[1] + 1, max = v[2], calendar = v[3] == 1,
		    span = v[3] == 1 and v[4] + 1 or v[4] }
	end
	return limits
end

local function digests(at, n)
	local list = {}

	for i = 1, n do
		list[i] = ARGV[3]:sub(8 * (at + i) - 7, 8 * (at + i))
	end
	return list
end

local function read_lines()
	local counter = {}

	for i, l in ipairs(ask.line) do
		local key = KEYS[i]

		counter[key] = counter[key] or counter_load(key)
		l.counter = counter[key]
		l.limit = limits_of(l.limit)
		l.digest = digests(l.at, l.listed)
		counter_adapt(l.counter, l.limit)
	end
end

local function note(event)
	redis.call('LPUSH', KEYS[2], event)
	redis.call('LTRIM', KEYS[2], 0, ask.keep - 1)
	redis.call('PEXPIRE', KEYS[2], text(ask.life))
end

-- --- what another store counted while this one was away ----------------------

-- Puts cost among the buckets, at its own time.
local function window_insert(w, cost, at)
	local b, i = w.bucket, #w.bucket - 1

	while i > 0 and slice_of(w, b[i]) > slice_of(w, at) do
		i = i - 2
	end
	if i > 0 and slice_of(w, b[i]) == slice_of(w, at) then
		b[i], b[i + 1] = math.max(b[i], at), add(b[i + 1], cost)
		return
	end
	table.insert(b, i + 2, cost)
	table.insert(b, i + 2, at)
	if #b > 2 * RING then
		b[4] = add(b[4], b[2])
		table.remove(b, 1)
		table.remove(b, 1)
	end
end

local function window_merge(w, from)
	window_settle(w)
	for i = 1, #from.list, 2 do
		local at = math.min(from.list[i], now)

		if w.calendar and from.list[i] > now then
			put_now(w, from.list[i + 1], now)
		elseif not w.calendar and at + w.span > now then
			window_insert(w, from.list[i + 1], at)
		end
	end
end

local function uniq_merge(u, from)
	uniq_settle(u)
	for i, last in ipairs(from.list) do
		local at = math.min(last, now)

		if u.calendar and from.ends > now or
		    not u.calendar and at + u.span > now then
			redis.call('ZADD', u.set, 'GT', text(at),
			    ARGV[3]:sub(8 * (from.at + i) - 7, 8 * (from.at + i)))
			u.newest = math.max(u.newest, at)
		end
	end
	uniq_date(u)
	forget_memo(u)
end

local answer = {}

-- KEYS: the counter of each line; the binding of each choice, or ''.
function answer.charge()
	local d

	if not knows_period() then
		return { now }
	end
	read_lines()
	d = decide()
	if not ask.spend then
		if not d.fits then
			settle()
			d = decide()
		end
		return told(d)
	end
	if not d.fits then
		lock(d)
		return told(d)
	end
	spend(d)
	if ask.choice[d.choice] and KEYS[#ask.line + d.choice] ~= '' then
		redis.call('SET', KEYS[#ask.line + d.choice],
		    text(now) .. ' ' .. ask.choice[d.choice][3], 'PX', text(ask.life))
	end
	return told(d)
end

-- KEYS: counter, events.
function answer.reset()
	local c = counter_load(KEYS[1])

	if counter_idle(c) then
		return { now, 0 }
	end
	drop_sets(c.slot, {})
	for i, s in ipairs(c.slot) do
		c.slot[i] = slot_new(c.key, s)
	end
	c.locked = 0
	counter_keep(c)
	note(ARGV[3])
	return { now, 1 }
end

-- KEYS: counter, events.
function answer.grant()
	local c = counter_load(KEYS[1])
	local kept = {}

	for _, g in ipairs(c.grant) do
		if g[3] > now then
			kept[#kept + 1] = g
		end
	end
	if #kept == GRANTS then
		return { now, 0 }
	end
	kept[#kept + 1] = { ask.grant[1] + 1, ask.grant[2], ask.grant[3] }
	c.grant = kept
	counter_keep(c)
	note(ARGV[3])
	return { now, 1 }
end

-- KEYS: blocks, events.  ARGV: ..., event, who, until and text.
function answer.block()
	local all = redis.call('HGETALL', KEYS[1])

	for i = 1, #all, 2 do -- what has ended
		if tonumber(all[i + 1]:match('^-?%d+')) <= now then
			redis.call('HDEL', KEYS[1], all[i])
		end
	end
	redis.call('HSET', KEYS[1], ARGV[4], ARGV[5])
	note(ARGV[3])
	return { now, 1 }
end

function answer.unblock()
	if redis.call('HDEL', KEYS[1], ARGV[4]) == 0 then
		return { now, 0 }
	end
	note(ARGV[3])
	return { now, 1 }
end

-- KEYS: -, events.  ARGV: ..., event, ...
function answer.note()
	for i = 3, #ARGV do
		note(ARGV[i])
	end
	return { now }
end

-- KEYS: counter, a mark that it was done.
function answer.merge()
	local c = counter_load(KEYS[1])

	if not knows_period() then
		return { now, 0 }
	end
	if redis.call('EXISTS', KEYS[2]) == 1 then
		return { now, 1 }
	end
	counter_adapt(c, limits_of(ask.limit))
	for i, from in ipairs(ask.slot) do
		local s = c.slot[i]

		if s.dim == UNIQUE then
			uniq_merge(s, from)
		else
			window_merge(s, from)
		end
	end
	c.locked = math.max(c.locked, ask.locked)
	counter_keep(c)
	redis.call('SET', KEYS[2], '1', 'PX', text(ask.life))
	return { now, 1 }
end

-- KEYS: servers.  ARGV: ..., -, who we are.  How many there were today.
function answer.server()
	redis.call('ZADD', KEYS[1], text(now), ARGV[4])
	redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now - ask.life))
	redis.call('PEXPIRE', KEYS[1], text(ask.life))
	return { now, redis.call('ZCARD', KEYS[1]) }
end

-- KEYS: counters.  Each as a list, false if it is not there.
function answer.read()
	local list = { now }

	for _, key in ipairs(KEYS) do
		local c = counter_load(key)
		local grants, slots = {}, {}

		for i, g in ipairs(c.grant) do
			grants[i] = { g[1] - 1, g[2], g[3] }
		end
		for i, s in ipairs(c.slot) do
			slots[i] = { s.dim - 1, s.calendar and 1 or 0,
			    s.calendar and s.span - 1 or s.span, s.warned,
			    s.ends or 0, s.bucket or
			    redis.call('ZRANGE', s.set, 0, -1, 'WITHSCORES') }
		end
		list[#list + 1] = c.is_kept and { c.locked, grants, slots } or false
	end
	return list
end

return answer[ARGV[1]]()
