-- Fails on the address that was given twice (23505), and leaves an invalid index, as NovaCron's own migration did.

SET ROLE novacron;

CREATE UNIQUE INDEX CONCURRENTLY users_email ON users (email);

