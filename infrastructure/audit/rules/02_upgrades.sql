-- R10: which version reports are upgrades.

-- A session, purchase, order or custom event with both app and version is a report too. A report may name the previous
-- version.
CREATE VIEW reports AS
SELECT journey, app_group, app_id, fact_id, occurred_at, app_version, previous_version
FROM standing
WHERE topic IN (
        'journey.session_started', 'journey.purchase', 'journey.order', 'journey.custom_event', 'journey.app_version'
    )
    AND app_id IS NOT NULL AND app_version IS NOT NULL;

-- If all reports of an app have one text, and none names another version before it, nothing changed.
CREATE TABLE several_versions AS
SELECT journey, app_id
FROM reports
GROUP BY journey, app_id
HAVING min(app_version) <> max(app_version) OR count(previous_version) > 0;

-- The first report is compared with the previous version that it names; without one it is no upgrade. The same text is
-- no upgrade either.
CREATE TABLE changes AS
SELECT journey, app_group, app_id, fact_id, occurred_at, version_before, app_version
FROM (
    SELECT
        reports.*,
        coalesce(
            lag(reports.app_version) OVER (
                PARTITION BY reports.journey, reports.app_id ORDER BY reports.occurred_at, reports.fact_id
            ),
            reports.previous_version
        ) AS version_before
    FROM reports
    JOIN several_versions AS several
        ON several.journey = reports.journey AND several.app_id = reports.app_id
) AS ordered
WHERE version_before <> app_version;

-- Dotted whole numbers compare number by number; missing numbers are 0. Numbers are filled with leading zeros to the same
-- length, so that they compare as text. If either version is anything else, any change of the text counts.
CREATE TABLE steps_up AS
SELECT version_before, app_version
FROM (
    SELECT
        version_before, app_version,
        regexp_full_match(version_before, '[0-9]+([.][0-9]+)*')
        AND regexp_full_match(app_version, '[0-9]+([.][0-9]+)*') AS comparable
    FROM (SELECT DISTINCT version_before, app_version FROM changes) AS steps
) AS compared
WHERE NOT comparable
    OR array_to_string(list_transform(
        string_split(regexp_replace(app_version, '([.]0+)+$', ''), '.'), lambda part: lpad(part, 64, '0')), '.')
    > array_to_string(list_transform(
        string_split(regexp_replace(version_before, '([.]0+)+$', ''), '.'), lambda part: lpad(part, 64, '0')), '.');

CREATE TABLE upgrades AS
SELECT
    changes.journey, changes.app_group, changes.app_id, changes.fact_id, changes.occurred_at,
    changes.version_before AS from_version, changes.app_version AS to_version
FROM changes
JOIN steps_up
    ON steps_up.version_before = changes.version_before AND steps_up.app_version = changes.app_version;
