-- R10: which version reports are upgrades.

-- A session, purchase or custom event with both app and version is a report too.
CREATE TABLE reports AS
SELECT
    journey, app_group, app_id, fact_id, occurred_at, app_version,
    lag(app_version) OVER (PARTITION BY journey, app_id ORDER BY occurred_at, fact_id) AS version_before
FROM standing
WHERE app_id IS NOT NULL AND app_version IS NOT NULL;

-- The first report is no upgrade; the same text is none either.
CREATE TABLE changes AS
SELECT
    journey, app_group, app_id, fact_id, occurred_at, version_before, app_version,
    regexp_full_match(version_before, '[0-9]+([.][0-9]+)*')
    AND regexp_full_match(app_version, '[0-9]+([.][0-9]+)*') AS comparable
FROM reports
WHERE version_before <> app_version;

-- Dotted whole numbers compare number by number, missing ones being 0: numbers that are equally long, by leading
-- zeros, compare as text. If either version is anything else, any change of the text counts.
CREATE TABLE upgrades AS
SELECT journey, app_group, app_id, fact_id, occurred_at, version_before AS from_version, app_version AS to_version
FROM changes
WHERE NOT comparable
    OR array_to_string(list_transform(
        string_split(regexp_replace(app_version, '([.]0+)+$', ''), '.'), lambda part: lpad(part, 64, '0')), '.')
    > array_to_string(list_transform(
        string_split(regexp_replace(version_before, '([.]0+)+$', ''), '.'), lambda part: lpad(part, 64, '0')), '.');
