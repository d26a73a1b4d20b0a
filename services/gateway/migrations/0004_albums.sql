-- What accounts keep with us: uploaded images, and albums of them; and what the albums' jobs remember of both.

CREATE TABLE uploads (
    upload_id uuid PRIMARY KEY,                  -- the albums door calls it an image's id
    account_id text NOT NULL,
    name text NOT NULL,
    description text,
    digest text NOT NULL,                        -- of the original, which is never changed
    format text NOT NULL,
    width integer NOT NULL,                      -- upright
    height integer NOT NULL,
    size_bytes bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX uploads_by_account ON uploads (account_id, created_at);

CREATE TABLE albums (
    album_id uuid PRIMARY KEY,
    account_id text NOT NULL,
    name text NOT NULL,
    description text,
    privacy text NOT NULL CHECK (privacy IN ('PRIVATE', 'UNLISTED', 'PUBLIC')),
    share_token text UNIQUE,
    default_tier text NOT NULL,
    pipeline_id text,                            -- kept for the caller; one pipeline serves all
    cover_id uuid REFERENCES uploads ON DELETE SET NULL,
    sort_order integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT albums_named_once UNIQUE (account_id, name, privacy),
    CONSTRAINT albums_shared_have_a_token CHECK ((privacy = 'PRIVATE') = (share_token IS NULL))
);

CREATE TABLE album_images (
    album_image_id uuid PRIMARY KEY,
    album_id uuid NOT NULL REFERENCES albums ON DELETE CASCADE,
    upload_id uuid NOT NULL REFERENCES uploads ON DELETE CASCADE,
    sort_order integer NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT album_images_once UNIQUE (album_id, upload_id)
);
CREATE INDEX album_images_by_upload ON album_images (upload_id);
CREATE INDEX album_images_in_order ON album_images (album_id, sort_order);

ALTER TABLE jobs
    ADD COLUMN reference text UNIQUE,            -- the id that the door gives it, where that is not the job's own
    ADD COLUMN album_id uuid,
    ADD COLUMN tier text,
    ADD COLUMN in_flight_max integer,            -- 1: its images run one after the other
    ADD COLUMN door_facts jsonb,                 -- what else the door's answers say of it
    ADD COLUMN advanced_at timestamptz;          -- when images were last let in

ALTER TABLE images
    ADD COLUMN upload_id uuid,
    ADD COLUMN requested_at timestamptz;         -- when it was let in; known when it has ended
CREATE INDEX images_of_upload ON images (upload_id) WHERE upload_id IS NOT NULL;
