-- Which server does what one alone need do, and until when nobody else takes it over.
CREATE TABLE leaders (
    duty TEXT COLLATE "C" PRIMARY KEY,
    server TEXT NOT NULL,
    until DOUBLE PRECISION NOT NULL
);
