-- A database on PostgreSQL as the last version without organizers wrote it: its `rowlock migrate`
-- and `rowlock seed --demo-users`, two events by SQL, some bookings and cancellations by its API,
-- and a new price by SQL. Then `pg_dump --inserts --no-owner --no-privileges`, without comments.

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

CREATE FUNCTION public.bookings_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
    change record;
BEGIN
    PERFORM set_config('rowlock.keeps_counts', 'on', true);
    FOR change IN SELECT event_id, sum(quantity) AS taken FROM (SELECT event_id, -quantity AS quantity FROM old_rows WHERE status = 'CONFIRMED') AS changed
        GROUP BY event_id HAVING sum(quantity) <> 0 ORDER BY event_id
    LOOP
        UPDATE events SET remaining_tickets = remaining_tickets - change.taken,
            count_version = count_version + 1
            WHERE id = change.event_id AND remaining_tickets >= change.taken;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'event % has fewer than % tickets left', change.event_id, change.taken
                USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    PERFORM set_config('rowlock.keeps_counts', '', true);
    RETURN NULL;
END $$;

CREATE FUNCTION public.bookings_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
    change record;
BEGIN
    PERFORM set_config('rowlock.keeps_counts', 'on', true);
    FOR change IN SELECT event_id, sum(quantity) AS taken FROM (SELECT event_id, quantity FROM new_rows WHERE status = 'CONFIRMED') AS changed
        GROUP BY event_id HAVING sum(quantity) <> 0 ORDER BY event_id
    LOOP
        UPDATE events SET remaining_tickets = remaining_tickets - change.taken,
            count_version = count_version + 1
            WHERE id = change.event_id AND remaining_tickets >= change.taken;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'event % has fewer than % tickets left', change.event_id, change.taken
                USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    PERFORM set_config('rowlock.keeps_counts', '', true);
    RETURN NULL;
END $$;

CREATE FUNCTION public.bookings_truncated() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
BEGIN
    PERFORM set_config('rowlock.keeps_counts', 'on', true);
    UPDATE events SET remaining_tickets = total_tickets, count_version = count_version + 1
        WHERE remaining_tickets <> total_tickets;
    PERFORM set_config('rowlock.keeps_counts', '', true);
    RETURN NULL;
END $$;

CREATE FUNCTION public.bookings_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
    change record;
BEGIN
    PERFORM set_config('rowlock.keeps_counts', 'on', true);
    FOR change IN SELECT event_id, sum(quantity) AS taken FROM (SELECT event_id, quantity FROM new_rows WHERE status = 'CONFIRMED' UNION ALL SELECT event_id, -quantity AS quantity FROM old_rows WHERE status = 'CONFIRMED') AS changed
        GROUP BY event_id HAVING sum(quantity) <> 0 ORDER BY event_id
    LOOP
        UPDATE events SET remaining_tickets = remaining_tickets - change.taken,
            count_version = count_version + 1
            WHERE id = change.event_id AND remaining_tickets >= change.taken;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'event % has fewer than % tickets left', change.event_id, change.taken
                USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    PERFORM set_config('rowlock.keeps_counts', '', true);
    RETURN NULL;
END $$;

CREATE FUNCTION public.events_check_new() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'a new event has no bookings, so its remaining_tickets must be %',
        NEW.total_tickets USING ERRCODE = 'check_violation';
END $$;

CREATE FUNCTION public.events_forget_search_key() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.title <> OLD.title OR NEW.venue <> OLD.venue
        OR NEW.title_key <> OLD.title_key THEN
        NEW.search_key := NULL;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.events_keep_count() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
    added bigint := NEW.total_tickets::bigint - OLD.total_tickets;
    booked bigint;
BEGIN
    IF NEW.remaining_tickets = OLD.remaining_tickets THEN
        booked := OLD.total_tickets::bigint - OLD.remaining_tickets;
        IF NEW.total_tickets < booked THEN
            RAISE EXCEPTION '% tickets of event % are booked, so total_tickets can''t be %',
                booked, OLD.id, NEW.total_tickets USING ERRCODE = 'check_violation';
        END IF;
        NEW.remaining_tickets := OLD.remaining_tickets + added;
    ELSIF NEW.remaining_tickets::bigint - OLD.remaining_tickets <> added THEN
        SELECT coalesce(sum(quantity), 0) INTO booked FROM bookings
            WHERE event_id = OLD.id AND status = 'CONFIRMED';
        IF NEW.total_tickets - booked <> NEW.remaining_tickets THEN
            RAISE EXCEPTION '% tickets of event % are booked, so remaining_tickets must be %',
                booked, OLD.id, NEW.total_tickets - booked
                USING ERRCODE = 'check_violation',
                HINT = 'Leave remaining_tickets out: it follows total_tickets and the bookings.';
        END IF;
    END IF;
    NEW.count_version := greatest(NEW.count_version, OLD.count_version + 1);
    RETURN NEW;
END $$;

CREATE FUNCTION public.events_short_pieces(key text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT COST 1000 PARALLEL SAFE
    AS $$
DECLARE
    letters text[] := string_to_array(key, NULL);
    pieces text[] := letters;
    size integer := cardinality(letters);
BEGIN
    FOR place IN 2 .. size LOOP
        pieces[size + place - 1] := letters[place - 1] || letters[place];
    END LOOP;
    RETURN pieces;
END $$;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.bookings (
    id uuid NOT NULL,
    event_id uuid NOT NULL,
    user_id uuid NOT NULL,
    quantity integer NOT NULL,
    status text NOT NULL,
    idempotency_key text,
    created_at timestamp with time zone NOT NULL,
    cancelled_at timestamp with time zone,
    CONSTRAINT bookings_quantity CHECK (((quantity >= 1) AND (quantity <= 10))),
    CONSTRAINT bookings_status CHECK ((((status = 'CONFIRMED'::text) AND (cancelled_at IS NULL)) OR ((status = 'CANCELLED'::text) AND (cancelled_at IS NOT NULL)))),
    CONSTRAINT bookings_times CHECK (((created_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (created_at < '9999-12-31 23:59:59.999999+00'::timestamp with time zone) AND (cancelled_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (cancelled_at < '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))
);

CREATE TABLE public.events (
    id uuid NOT NULL,
    title text NOT NULL,
    title_key text NOT NULL COLLATE pg_catalog."C",
    description text NOT NULL,
    venue text NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    total_tickets integer NOT NULL,
    remaining_tickets integer NOT NULL,
    count_version bigint DEFAULT 0 NOT NULL,
    price_minor bigint NOT NULL,
    currency text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    price_key bigint GENERATED ALWAYS AS ((price_minor *
CASE
    WHEN (currency = ANY (ARRAY['BIF'::text, 'CLP'::text, 'DJF'::text, 'GNF'::text, 'ISK'::text, 'JPY'::text, 'KMF'::text, 'KRW'::text, 'PYG'::text, 'RWF'::text, 'UGX'::text, 'UYI'::text, 'VND'::text, 'VUV'::text, 'XAF'::text, 'XOF'::text, 'XPF'::text])) THEN 10000
    WHEN (currency = ANY (ARRAY['BHD'::text, 'IQD'::text, 'JOD'::text, 'KWD'::text, 'LYD'::text, 'OMR'::text, 'TND'::text])) THEN 10
    WHEN (currency = ANY (ARRAY['CLF'::text, 'UYW'::text])) THEN 1
    ELSE 100
END)) STORED,
    search_key text COLLATE pg_catalog."C",
    CONSTRAINT events_count_version CHECK ((count_version >= 0)),
    CONSTRAINT events_currency CHECK ((char_length(currency) = 3)),
    CONSTRAINT events_currency_code CHECK ((((substr((currency COLLATE "C"), 1, 1) >= 'A'::text) AND (substr((currency COLLATE "C"), 1, 1) <= 'Z'::text)) AND ((substr((currency COLLATE "C"), 2, 1) >= 'A'::text) AND (substr((currency COLLATE "C"), 2, 1) <= 'Z'::text)) AND ((substr((currency COLLATE "C"), 3, 1) >= 'A'::text) AND (substr((currency COLLATE "C"), 3, 1) <= 'Z'::text)))),
    CONSTRAINT events_max_price CHECK ((price_minor <= '100000000000000'::bigint)),
    CONSTRAINT events_max_version CHECK ((count_version <= '4611686018427387904'::bigint)),
    CONSTRAINT events_price_minor CHECK ((price_minor >= 0)),
    CONSTRAINT events_remaining_tickets CHECK (((remaining_tickets >= 0) AND (remaining_tickets <= total_tickets))),
    CONSTRAINT events_texts CHECK (((length(title_key) <= 400) AND (length(description) <= 20000) AND (length(venue) <= 2000))),
    CONSTRAINT events_times CHECK (((starts_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (starts_at < '9999-12-31 23:59:59.999999+00'::timestamp with time zone) AND (created_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (created_at < '9999-12-31 23:59:59.999999+00'::timestamp with time zone))),
    CONSTRAINT events_title CHECK ((char_length(title) <= 200)),
    CONSTRAINT events_total_tickets CHECK ((total_tickets >= 0))
);

CREATE TABLE public.refresh_tokens (
    id uuid NOT NULL,
    session_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    nonce bytea,
    voided_at timestamp with time zone,
    CONSTRAINT refresh_tokens_times CHECK (((created_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (created_at < '9999-12-31 23:59:59.999999+00'::timestamp with time zone) AND (expires_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (expires_at < '9999-12-31 23:59:59.999999+00'::timestamp with time zone) AND (used_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (used_at < '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))
);

CREATE TABLE public.seaql_migrations (
    version character varying NOT NULL,
    applied_at bigint NOT NULL
);

CREATE TABLE public.sessions (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    series_hash bytea,
    CONSTRAINT sessions_times CHECK (((created_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (created_at < '9999-12-31 23:59:59.999999+00'::timestamp with time zone) AND (expires_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (expires_at < '9999-12-31 23:59:59.999999+00'::timestamp with time zone) AND (revoked_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (revoked_at < '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))
);

CREATE TABLE public.users (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    password_hash text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT users_times CHECK (((created_at >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND (created_at < '9999-12-31 23:59:59.999999+00'::timestamp with time zone)))
);

INSERT INTO public.bookings VALUES ('01a216c7-fa0c-751a-ba30-372bebb824fa', '01990000-0000-7000-8000-000000000021', '01990000-0000-7000-8000-000000000065', 2, 'CONFIRMED', 'first', '2026-11-26 07:35:34.169001+00', NULL);
INSERT INTO public.bookings VALUES ('01a216c7-fa25-7576-b950-927c0ec619e1', '01990000-0000-7000-8000-000000000022', '01990000-0000-7000-8000-000000000065', 1, 'CONFIRMED', NULL, '2026-11-26 07:35:34.404391+00', NULL);
INSERT INTO public.bookings VALUES ('01a216c7-fbc6-76ca-9e64-746e081c584e', '01990000-0000-7000-8000-000000000004', '01990000-0000-7000-8000-000000000065', 3, 'CONFIRMED', NULL, '2026-11-26 07:35:34.60779+00', NULL);
INSERT INTO public.bookings VALUES ('01a216c7-fbd8-75c4-a38c-57bb90035e2c', '01990000-0000-7000-8000-000000000021', '01990000-0000-7000-8000-000000000066', 4, 'CANCELLED', 'second', '2026-11-26 07:35:34.620438+00', '2026-11-26 07:35:34.6401+00');
INSERT INTO public.bookings VALUES ('01a216c7-fbf4-74e8-9f45-ff9ae2629fae', '01990000-0000-7000-8000-000000000021', '01990000-0000-7000-8000-000000000066', 1, 'CONFIRMED', NULL, '2026-11-26 07:35:34.645928+00', NULL);
INSERT INTO public.bookings VALUES ('01a216c7-fbfc-76f7-8d50-4eb391e71d54', '01990000-0000-7000-8000-000000000022', '01990000-0000-7000-8000-000000000066', 2, 'CONFIRMED', 'comet', '2026-11-26 07:35:34.661145+00', NULL);
INSERT INTO public.bookings VALUES ('01a216c7-fc1d-7318-83c7-de8bf5014fc4', '01990000-0000-7000-8000-000000000005', '01990000-0000-7000-8000-000000000067', 2, 'CANCELLED', NULL, '2026-11-26 07:35:34.68748+00', '2026-11-26 07:35:34.692971+00');
INSERT INTO public.bookings VALUES ('01a216c7-fc27-76db-adbe-829c8e6aa9e6', '01990000-0000-7000-8000-000000000001', '01990000-0000-7000-8000-000000000067', 2, 'CONFIRMED', NULL, '2026-11-26 07:35:34.696466+00', NULL);
INSERT INTO public.bookings VALUES ('01a216c7-fc2c-731c-8825-3cc829ce1b88', '01990000-0000-7000-8000-000000000021', '01990000-0000-7000-8000-000000000067', 10, 'CONFIRMED', NULL, '2026-11-26 07:35:34.701614+00', NULL);

INSERT INTO public.events VALUES ('01990000-0000-7000-8000-000000000002', 'Systems Programming Conference', 'systems programming conference', 'Two days of talks on databases, schedulers and the locks between them.', 'Kongresshalle, Leipzig', '2027-02-24 08:00:00+00', 250, 250, 0, 29900, 'EUR', '2026-11-26 07:35:33.105393+00', DEFAULT, 'systems programming conference
kongresshalle, leipzig');
INSERT INTO public.events VALUES ('01990000-0000-7000-8000-000000000003', 'Summer Open Air', 'summer open air', 'Six bands, one field, and the sun going down behind the stage.', 'Donauinsel, Vienna', '2027-06-14 14:00:00+00', 5000, 5000, 0, 8900, 'EUR', '2026-11-26 07:35:33.105393+00', DEFAULT, 'summer open air
donauinsel, vienna');
INSERT INTO public.events VALUES ('01990000-0000-7000-8000-000000000006', 'Film Premiere: The Last Seat', 'film premiere: the last seat', 'The thriller about a sold-out train, with the director present.', 'Kino International, Berlin', '2026-12-10 18:30:00+00', 100, 100, 0, 1800, 'EUR', '2026-11-26 07:35:33.105393+00', DEFAULT, 'film premiere: the last seat
kino international, berlin');
INSERT INTO public.events VALUES ('01990000-0000-7000-8000-000000000007', 'Chess Masterclass', 'chess masterclass', 'A grandmaster plays everyone at once and says afterwards what went wrong.', 'Marshall Club, New York', '2026-12-26 17:00:00+00', 12, 12, 0, 12000, 'USD', '2026-11-26 07:35:33.105393+00', DEFAULT, 'chess masterclass
marshall club, new york');
INSERT INTO public.events VALUES ('01990000-0000-7000-8000-000000000008', 'Stand-up in the Cellar', 'stand-up in the cellar', 'Five comedians try out what will be on television next year.', 'The Vault, London', '2026-12-01 20:00:00+00', 60, 60, 0, 1250, 'GBP', '2026-11-26 07:35:33.105393+00', DEFAULT, 'stand-up in the cellar
the vault, london');
INSERT INTO public.events VALUES ('01990000-0000-7000-8000-000000000009', 'Sourdough Workshop', 'sourdough workshop', 'Bring a jar. You go home with a starter and two loaves.', 'Backstube am Markt, Graz', '2026-12-13 09:00:00+00', 8, 8, 0, 7500, 'EUR', '2026-11-26 07:35:33.105393+00', DEFAULT, 'sourdough workshop
backstube am markt, graz');
INSERT INTO public.events VALUES ('01990000-0000-7000-8000-00000000000a', 'Night at the Observatory', 'night at the observatory', 'Saturn, its rings, and someone who has pointed telescopes for forty years.', 'Pic du Midi, Bagnères-de-Bigorre', '2027-01-10 20:30:00+00', 24, 24, 0, 5500, 'EUR', '2026-11-26 07:35:33.105393+00', DEFAULT, 'night at the observatory
pic du midi, bagnères-de-bigorre');
INSERT INTO public.events VALUES ('01990000-0000-7000-8000-00000000000b', 'City Marathon', 'city marathon', '42.195 km through every district. The price includes a pasta dinner.', 'Town Hall Square, Copenhagen', '2027-04-25 07:00:00+00', 12000, 12000, 0, 65000, 'DKK', '2026-11-26 07:35:33.105393+00', DEFAULT, 'city marathon
town hall square, copenhagen');
INSERT INTO public.events VALUES ('01990000-0000-7000-8000-00000000000c', 'Open Library Day', 'open library day', 'Behind the scenes of the stacks, the bindery and the map room. Free.', 'Chester Beatty, Dublin', '2026-12-31 10:00:00+00', 150, 150, 0, 0, 'EUR', '2026-11-26 07:35:33.105393+00', DEFAULT, 'open library day
chester beatty, dublin');
INSERT INTO public.events VALUES ('01990000-0000-7000-8000-000000000004', 'Jazz Night', 'jazz night', 'The house trio with a different guest in each set.', 'Blue Door, New York', '2026-12-06 23:30:00+00', 80, 77, 1, 3500, 'USD', '2026-11-26 07:35:33.105393+00', DEFAULT, 'jazz night
blue door, new york');
INSERT INTO public.events VALUES ('01990000-0000-7000-8000-000000000022', 'Comet Night', 'comet night', 'Written by another program.', 'Obserwatorium, Kraków', '2099-05-04 18:00:00+00', 3, 0, 2, 900, 'JPY', '2026-11-01 10:00:00+00', DEFAULT, NULL);
INSERT INTO public.events VALUES ('01990000-0000-7000-8000-000000000005', 'Kabuki Evening', 'kabuki evening', 'Two acts from the classical repertoire, with an introduction in English.', 'Minamiza, Kyoto', '2027-01-25 09:30:00+00', 400, 400, 2, 9000, 'JPY', '2026-11-26 07:35:33.105393+00', DEFAULT, 'kabuki evening
minamiza, kyoto');
INSERT INTO public.events VALUES ('01990000-0000-7000-8000-000000000001', 'Limited Concert', 'limited concert', 'A string quartet in a living room. There are two chairs for guests.', 'Salon Weber, Berlin', '2026-12-17 19:00:00+00', 2, 0, 1, 4990, 'EUR', '2026-11-26 07:35:33.105393+00', DEFAULT, 'limited concert
salon weber, berlin');
INSERT INTO public.events VALUES ('01990000-0000-7000-8000-000000000021', 'Centenary Gala', 'centenary gala', 'Written by another program.', 'Town Hall, Porto', '2099-05-03 18:00:00+00', 20, 7, 5, 5500, 'EUR', '2026-11-01 10:00:00+00', DEFAULT, NULL);

INSERT INTO public.refresh_tokens VALUES ('01a216c7-f993-760f-acdc-560b2c94e04d', '01a216c7-f990-751e-837d-bb5f51dfdb78', '\xbcc04fb6676361ab3cd55e5fbf5bfeb42b0962d70b66dfd1ba983657154ab79a', '2026-11-26 07:35:34.032528+00', '2026-12-03 07:35:34.032528+00', NULL, '\x1d534bc20dd554f5a3724f35aff135f26952bd1746b441eb', NULL);
INSERT INTO public.refresh_tokens VALUES ('01a216c7-f9c7-77f1-93ba-3ecb34d7e012', '01a216c7-f9c1-74a8-b5be-b64212fd37e5', '\x715ef034d0c2040791c8a8420f9cc23965c26ddfcbab2d604236c51ee1004b58', '2026-11-26 07:35:34.081848+00', '2026-12-03 07:35:34.081848+00', NULL, '\xb65722654e63d794e8aa93c8ffe7c09f39eb5de5d665783e', NULL);
INSERT INTO public.refresh_tokens VALUES ('01a216c7-fa09-729d-8141-dd95119d82dc', '01a216c7-fa08-745a-9b1a-b4b5e1473468', '\x708c39e351f29464208849e7b3304480caf8098750604721835a3c5e8447c7ca', '2026-11-26 07:35:34.152485+00', '2026-12-03 07:35:34.152485+00', NULL, '\x2951fda5c7033db604e7b7368bbac6ee0c96bb48572e65d2', NULL);
INSERT INTO public.refresh_tokens VALUES ('01a216c7-fc6b-7082-911d-0a07246c73bb', '01a216c7-fc6a-72e7-8e32-f77b93d57666', '\xe5193f476467e1c61e8a8443311117490332f694e869d1dd5e10a539eee94801', '2026-11-26 07:35:34.762129+00', '2026-12-03 07:35:34.762129+00', NULL, '\x3bd08ccce20fc09e26869ba9e8b9af407565053fdae7f28f', NULL);

INSERT INTO public.seaql_migrations VALUES ('m20261101_000001_accounts', 1795678528);
INSERT INTO public.seaql_migrations VALUES ('m20261101_000002_events', 1795678528);
INSERT INTO public.seaql_migrations VALUES ('m20261101_000003_bookings', 1795678528);
INSERT INTO public.seaql_migrations VALUES ('m20261124_000004_lean_booking_indexes', 1795678528);
INSERT INTO public.seaql_migrations VALUES ('m20261124_000005_title_search', 1795678528);
INSERT INTO public.seaql_migrations VALUES ('m20261126_000006_counts', 1795678528);
INSERT INTO public.seaql_migrations VALUES ('m20261126_000007_price_key', 1795678528);
INSERT INTO public.seaql_migrations VALUES ('m20261126_000008_readable_rows', 1795678532);
INSERT INTO public.seaql_migrations VALUES ('m20261126_000009_token_series', 1795678532);
INSERT INTO public.seaql_migrations VALUES ('m20261126_000010_validated_rows', 1795678532);
INSERT INTO public.seaql_migrations VALUES ('m20261126_000011_search_key', 1795678533);

INSERT INTO public.sessions VALUES ('01a216c7-f990-751e-837d-bb5f51dfdb78', '01990000-0000-7000-8000-000000000065', '2026-11-26 07:35:34.032528+00', '2026-12-03 07:35:34.032528+00', NULL, '\x74d40b04ff8ea300e8b0c3cca76f3c4f421e0f57cf04613873cecd831ef24d45');
INSERT INTO public.sessions VALUES ('01a216c7-f9c1-74a8-b5be-b64212fd37e5', '01990000-0000-7000-8000-000000000066', '2026-11-26 07:35:34.081848+00', '2026-12-03 07:35:34.081848+00', NULL, '\x0f891bdcb3bc51a034725e4c755fc25c46a80281fdc78fff1725854b947c049c');
INSERT INTO public.sessions VALUES ('01a216c7-fa08-745a-9b1a-b4b5e1473468', '01990000-0000-7000-8000-000000000067', '2026-11-26 07:35:34.152485+00', '2026-12-03 07:35:34.152485+00', NULL, '\x8ec1d17e93b4c1ca0ec71fb2473bb83d45b92fb4a3f2053d49d4c68ba2e03653');
INSERT INTO public.sessions VALUES ('01a216c7-fc6a-72e7-8e32-f77b93d57666', '01a216c7-fc35-7721-87c4-aef49b9df07b', '2026-11-26 07:35:34.762129+00', '2026-12-03 07:35:34.762129+00', NULL, '\x5445b7134fbe49f68a3351f5cb8db92968acafec203bca8ee901777a4f41220b');

INSERT INTO public.users VALUES ('01990000-0000-7000-8000-000000000065', 'ada@example.org', 'Ada', '$argon2id$v=19$m=19456,t=2,p=1$6i3A+P7YT1ZZgNpsb3RhiQ$6vV8ieqzPj7KF0ueP1nk68vAK3NCa+Yy2p2Aa5LK/RM', '2026-11-26 07:35:33.36218+00');
INSERT INTO public.users VALUES ('01990000-0000-7000-8000-000000000066', 'grace@example.org', 'Grace', '$argon2id$v=19$m=19456,t=2,p=1$2DyzgW3rSX/aduHJzn583g$3Wmp/3zZbD+zzKdaSHB3AdXeXJ3AWWo3MucRl3kejRc', '2026-11-26 07:35:33.464991+00');
INSERT INTO public.users VALUES ('01990000-0000-7000-8000-000000000067', 'alan@example.org', 'Alan', '$argon2id$v=19$m=19456,t=2,p=1$KN28D5XrUXIbETI5yANAZQ$AGmpLGMeZeCxvUpj/qXSko91jyGk+wlSX9+rDcYozZA', '2026-11-26 07:35:33.560054+00');
INSERT INTO public.users VALUES ('01a216c7-fc35-7721-87c4-aef49b9df07b', 'lin@example.org', 'Lin', '$argon2id$v=19$m=19456,t=2,p=1$Ih5TyI2SvwDvDBO8k2lfVA$B+/bMzN9DArGJ12GwRf6A7L2jM7Wa3cNjhTUDJx7kdY', '2026-11-26 07:35:34.760493+00');

ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY public.seaql_migrations
    ADD CONSTRAINT seaql_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key UNIQUE (email);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

CREATE INDEX bookings_by_user ON public.bookings USING btree (user_id, id);

CREATE UNIQUE INDEX bookings_idempotency_key ON public.bookings USING btree (user_id, idempotency_key) WHERE (idempotency_key IS NOT NULL);

CREATE UNIQUE INDEX bookings_one_confirmed ON public.bookings USING btree (user_id, event_id) WHERE (status = 'CONFIRMED'::text);

CREATE INDEX events_by_date ON public.events USING btree (starts_at, id);

CREATE INDEX events_by_price ON public.events USING btree (price_minor, id);

CREATE INDEX events_by_price_key ON public.events USING btree (price_key, id);

CREATE INDEX events_by_search_trigram ON public.events USING gin (search_key public.gin_trgm_ops);

CREATE INDEX events_by_short_piece ON public.events USING gin (public.events_short_pieces(search_key));

CREATE INDEX events_by_title ON public.events USING btree (title_key, id);

CREATE INDEX events_title_search ON public.events USING gin (title_key public.gin_trgm_ops);

CREATE INDEX events_without_search_key ON public.events USING btree (id) WHERE (search_key IS NULL);

CREATE INDEX refresh_tokens_expires_at ON public.refresh_tokens USING btree (expires_at);

CREATE INDEX refresh_tokens_session_id ON public.refresh_tokens USING btree (session_id);

CREATE INDEX sessions_expires_at ON public.sessions USING btree (expires_at);

CREATE UNIQUE INDEX sessions_series_hash ON public.sessions USING btree (series_hash);

CREATE INDEX sessions_user_id ON public.sessions USING btree (user_id);

CREATE TRIGGER bookings_delete AFTER DELETE ON public.bookings REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((current_setting('rowlock.keeps_counts'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION public.bookings_delete();

CREATE TRIGGER bookings_insert AFTER INSERT ON public.bookings REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((current_setting('rowlock.keeps_counts'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION public.bookings_insert();

CREATE TRIGGER bookings_truncated AFTER TRUNCATE ON public.bookings FOR EACH STATEMENT WHEN ((current_setting('rowlock.keeps_counts'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION public.bookings_truncated();

CREATE TRIGGER bookings_update AFTER UPDATE ON public.bookings REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((current_setting('rowlock.keeps_counts'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION public.bookings_update();

CREATE TRIGGER events_check_new BEFORE INSERT ON public.events FOR EACH ROW WHEN (((new.remaining_tickets <> new.total_tickets) AND (current_setting('rowlock.keeps_counts'::text, true) IS DISTINCT FROM 'on'::text))) EXECUTE FUNCTION public.events_check_new();

CREATE TRIGGER events_keep_count BEFORE UPDATE OF total_tickets, remaining_tickets ON public.events FOR EACH ROW WHEN ((((new.total_tickets <> old.total_tickets) OR (new.remaining_tickets <> old.remaining_tickets)) AND (current_setting('rowlock.keeps_counts'::text, true) IS DISTINCT FROM 'on'::text))) EXECUTE FUNCTION public.events_keep_count();

CREATE TRIGGER events_other_texts BEFORE INSERT OR UPDATE ON public.events FOR EACH ROW WHEN ((current_setting('rowlock.keeps_counts'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION public.events_forget_search_key();

ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_event_id_fkey FOREIGN KEY (event_id) REFERENCES public.events(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE RESTRICT;

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.sessions(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

