import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateDelegationTokenOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.ListConfigResourcesOptions;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RaftVoterEndpoint;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.admin.UserScramCredentialDeletion;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** What only administrators ask, of a cluster of two brokers with several log directories: Administration BOOTSTRAP ADMIN_PASSWORD USER_PASSWORD. */
public class Administration {
  static final TopicPartition FIRST = new TopicPartition("matrix", 0);
  static Admin admin;

  static AlterConfigOp change(AlterConfigOp.OpType type, String name, String value) {
    return new AlterConfigOp(new ConfigEntry(name, value), type);
  }

  static void configure(ConfigResource.Type type, String name, AlterConfigOp... changes) throws InterruptedException {
    Asked.ask(admin.incrementalAlterConfigs(Map.of(new ConfigResource(type, name), List.of(changes))).all());
  }

  static void topics() throws Exception {
    var placed = new NewTopic("matrix", Map.of(0, List.of(1, 2), 1, List.of(2, 1))).configs(Map.of("retention.ms", "3600000"));
    Asked.ask(admin.createTopics(List.of(placed, new NewTopic("defaults", Optional.empty(), Optional.empty()))).all());
    Asked.ask(admin.createTopics(List.of(placed, new NewTopic("no/topic", 1, (short) 9))).all());
    Uuid id = admin.describeTopics(List.of("defaults"), new DescribeTopicsOptions().includeAuthorizedOperations(true).partitionSizeLimitPerResponse(1)).allTopicNames().get().get("defaults").topicId();
    Asked.ask(admin.createPartitions(Map.of("defaults", NewPartitions.increaseTo(5, List.of(List.of(1), List.of(2))))).all());
    Asked.ask(admin.describeTopics(TopicCollection.ofTopicIds(List.of(id, Uuid.randomUuid()))).allTopicIds());
    Asked.ask(admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all());
  }

  static void rights() throws Exception {
    var granted = new AclBinding(new ResourcePattern(ResourceType.TOPIC, "matr", PatternType.PREFIXED), new AccessControlEntry("User:app", "*", AclOperation.READ, AclPermissionType.ALLOW));
    var refused = new AclBinding(new ResourcePattern(ResourceType.GROUP, "*", PatternType.LITERAL), new AccessControlEntry("User:stranger", "127.0.0.1", AclOperation.ALL, AclPermissionType.DENY));
    Asked.ask(admin.createAcls(List.of(granted, refused)).all());
    Asked.ask(admin.describeAcls(AclBindingFilter.ANY).values());
    Asked.ask(admin.deleteAcls(List.of(granted.toFilter(), refused.toFilter())).all());
  }

  static void configs() throws Exception {
    configure(ConfigResource.Type.TOPIC, "matrix", change(AlterConfigOp.OpType.APPEND, "cleanup.policy", "compact"), change(AlterConfigOp.OpType.DELETE, "retention.ms", null));
    configure(ConfigResource.Type.TOPIC, "matrix", change(AlterConfigOp.OpType.SUBTRACT, "cleanup.policy", "compact"));
    configure(ConfigResource.Type.TOPIC, "matrix", change(AlterConfigOp.OpType.SET, "no.such.setting", "value"));
    configure(ConfigResource.Type.BROKER, "", change(AlterConfigOp.OpType.SET, "log.cleaner.threads", "1"));
    configure(ConfigResource.Type.BROKER, "1", change(AlterConfigOp.OpType.SET, "background.threads", "9"));
    configure(ConfigResource.Type.BROKER_LOGGER, "2", change(AlterConfigOp.OpType.SET, "kafka.server.KafkaApis", "WARN"));
    configure(ConfigResource.Type.CLIENT_METRICS, "all", change(AlterConfigOp.OpType.SET, "metrics", "*"), change(AlterConfigOp.OpType.SET, "interval.ms", "60000"));
    configure(ConfigResource.Type.GROUP, "some-group", change(AlterConfigOp.OpType.SET, "consumer.session.timeout.ms", "50000"));
    for (var resource : admin.listConfigResources(Set.of(), new ListConfigResourcesOptions()).all().get()) Asked.ask(admin.describeConfigs(List.of(resource)).all());
    Asked.ask(admin.describeConfigs(List.of(new ConfigResource(ConfigResource.Type.BROKER_LOGGER, "2"))).all());
  }

  static void users(String password) throws Exception {
    Asked.ask(admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion("app", new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), password))).all());
    Asked.ask(admin.describeUserScramCredentials(List.of("app")).all());
    Asked.ask(admin.alterUserScramCredentials(List.of(new UserScramCredentialDeletion("app", ScramMechanism.SCRAM_SHA_512))).all());
    Asked.ask(admin.describeUserScramCredentials(List.of("app")).all());
    var user = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, "app"));
    var anyClient = new HashMap<String, String>();
    anyClient.put(ClientQuotaEntity.CLIENT_ID, null);
    Asked.ask(admin.alterClientQuotas(List.of(new ClientQuotaAlteration(user, List.of(new ClientQuotaAlteration.Op("request_percentage", 150.5))), new ClientQuotaAlteration(new ClientQuotaEntity(anyClient), List.of(new ClientQuotaAlteration.Op("consumer_byte_rate", 9e9))))).all());
    Asked.ask(admin.describeClientQuotas(ClientQuotaFilter.all()).entities());
    Asked.ask(admin.alterClientQuotas(List.of(new ClientQuotaAlteration(user, List.of(new ClientQuotaAlteration.Op("request_percentage", null))))).all());
    var token = admin.createDelegationToken(new CreateDelegationTokenOptions().maxLifetimeMs(3_600_000)).delegationToken().get();
    Asked.ask(admin.describeDelegationToken().delegationTokens());
    Asked.ask(admin.renewDelegationToken(token.hmac()).expiryTimestamp());
    Asked.ask(admin.expireDelegationToken(token.hmac()).expiryTimestamp());
    Asked.ask(admin.expireDelegationToken(new byte[] {1, 2, 3}).expiryTimestamp());
  }

  static void replicas() throws Exception {
    var replica = new TopicPartitionReplica("matrix", 0, 1);
    for (String directory : admin.describeLogDirs(List.of(1, 2)).allDescriptions().get().get(1).keySet()) {
      Asked.ask(admin.alterReplicaLogDirs(Map.of(replica, directory)).all());
      Asked.ask(admin.describeReplicaLogDirs(List.of(replica)).all());
    }
    Asked.ask(admin.alterPartitionReassignments(Map.of(FIRST, Optional.of(new NewPartitionReassignment(List.of(2, 1))))).all());
    Asked.ask(admin.listPartitionReassignments().reassignments());
    Asked.ask(admin.alterPartitionReassignments(Map.of(FIRST, Optional.empty())).all());
    Asked.ask(admin.electLeaders(ElectionType.PREFERRED, Set.of(FIRST)).all());
    Asked.ask(admin.electLeaders(ElectionType.UNCLEAN, null).all());
  }

  static void cluster() throws Exception {
    Asked.ask(admin.describeCluster().authorizedOperations());
    Asked.ask(admin.describeMetadataQuorum().quorumInfo());
    Asked.ask(admin.describeFeatures().featureMetadata());
    Asked.ask(admin.updateFeatures(Map.of("group.version", new FeatureUpdate((short) 0, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE)), new UpdateFeaturesOptions().validateOnly(true)).all());
    Asked.ask(admin.addRaftVoter(9, Uuid.randomUuid(), Set.of(new RaftVoterEndpoint("CONTROLLER", "127.0.0.1", 9))).all());
    Asked.ask(admin.removeRaftVoter(9, Uuid.randomUuid()).all());
    Asked.ask(admin.unregisterBroker(9).all());
    Asked.ask(admin.unregisterController(9).all());
  }

  public static void main(String[] args) throws Exception {
    admin = Admin.create(Sasl.config(args[0], "admin", "PLAIN", "admin", args[1]));
    topics();
    rights();
    configs();
    users(args[2]);
    replicas();
    cluster();
    admin.close();
    Clients.report(Asked.answered, Asked.answered);
  }
}
