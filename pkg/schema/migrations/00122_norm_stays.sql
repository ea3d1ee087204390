-- +goose Up
-- Where nobody chose a norm, that of the site's country holds from now on; it was the German one
-- everywhere. Organizations that have been judged by it keep it, as chosen: what was told of a
-- month that is over does not change by itself. Yesterday's program reads the same of both.
UPDATE organization SET verdict_profile = 'de-uba'
 WHERE verdict_profile IS NULL
   AND EXISTS (SELECT FROM site WHERE site.operator_id = organization.id);

-- +goose Down
-- Nothing: to the program before, none is the same as this one.
SELECT 1;
