// Run once, when the database is made: the user that the server is, with rights in its own database only.
db.getSiblingDB("admin").createUser({
  user: "firmlight",
  pwd: process.env.MONGO_PASSWORD,
  roles: [{role: "dbOwner", db: "firmlight"}],
});
